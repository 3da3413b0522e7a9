"""What the page Review says: what it is for, what it can't know, its keys, and verdicts in words."""

from __future__ import annotations

from collections.abc import Sequence

from app.html import bar
from app.set_words import named
from app.words import lasting
from core.records.review.queue import ReviewProgress
from core.records.review.reviews import ReviewView
from core.records.review.verdicts import VerdictView

PURPOSE = (
    "Some labels of every set need a second look. Models that never saw a case answer it, its look-alikes are "
    "compared, and the cases whose label fits least come first. You decide case by case; nothing changes until you "
    "apply it."
)
LIMITS = (
    "A case stands here because its label and the evidence don't fit together, not because its label is known to be "
    "wrong. A rare or difficult case with a right label looks just the same to models.",
    "Models can share one blind spot: a mistake that was made throughout a class looks consistent, and is not found.",
    "The index of labels in doubt counts hard cases with a right label too; how many labels are wrong, only an audit "
    "tells. The ranking was measured on errors that were planted on purpose; real ones may be harder to see.",
    "The given label stays in its version for ever. A corrected one is a new version, and can be taken back.",
    "A picture of more than 8 bits was shown to models through its first window. In the picture, Shift with a digit "
    "chooses another for you; so does dragging with the right button.",
)
STEPS = {
    "Find": "The studio trains a small model several times, each time without a part of the cases, and asks it about "
    "that part: answers by models that never saw the case. No earlier run is needed.",
    "Decide": "One case after another, the most doubtful first: keep, change, unsure or exclude, by one key each.",
    "Agree": "Where two people looked, how often they agree; what they see differently is settled.",
    "Correct": "The verdicts become a new version of the set, which can be compared, taken back and exported.",
}
DECIDED = {
    "keep": "label kept",
    "change": "changed to",
    "unsure": "unsure",
    "exclude": "excluded from the set",
    "undo": "took a verdict back",
}
CONFIDENCES = {"sure": "sure", "fairly": "fairly sure", "guess": "a guess"}
STATES = (
    ("Not yet decided by me", "open"),
    ("Decided by me", "mine"),
    ("Decided by anybody", "decided"),
    ("Seen differently", "disputed"),
    ("In the audit, open", "audit"),
    ("All", "all"),
)
KEYS = (
    ("K", "Keep the given label"),
    ("1 … 9", "Change to this answer"),
    ("U", "Unsure: somebody else should look"),
    ("X", "Exclude the case from the set"),
    ("Z", "Undo your last verdict (a batch counts as one)"),
    ("→ or N", "Next case"),
    ("← or P", "Previous case"),
    ("B", "One verdict for all near-identical pictures"),
    ("C", "How sure you are: sure, fairly sure, a guess"),
    ("W", "Write why; Enter or Esc comes back"),
    ("?", "These keys"),
)
SEVERAL = ("1 … 9", "Mark or unmark this answer; Enter changes the label to those marked")
"""Instead of the line above where a case may have several labels."""


def decided(verdict: VerdictView) -> str:
    """A verdict in words: `changed to basophil, fairly sure`."""
    text = DECIDED[verdict.action] + (f" {named(verdict.labels)}" if verdict.labels is not None else "")
    if verdict.action == "undo":
        return text
    return f"settled: {text}" if verdict.is_settlement else f"{text}, {CONFIDENCES[verdict.confidence]}"


def keys(kind: str) -> Sequence[tuple[str, str]]:
    return [SEVERAL if kind == "multi" and key == "1 … 9" else (key, does) for key, does in KEYS]


def progress_line(progress: ReviewProgress) -> str:
    """How far a person is, as a bar and in words."""
    counts = f"{progress.mine:,} of {progress.cases:,} decided by you · {progress.matching:,} fit these lists"
    return bar(progress.mine / progress.cases if progress.cases else 0.0, "Decided by you") + f"<span>{counts}</span>"


def under_way(review: ReviewView) -> str:
    """How far a search is that has not ended."""
    text, left = review.progress.text or "It waits for its turn.", review.progress.seconds_left
    return f"{text.rstrip('.')}. About {lasting(left)} left." if left else text
