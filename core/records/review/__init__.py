"""The records of a review: its queue, verdicts, agreement, corrections and what they changed."""
