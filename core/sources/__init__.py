"""Sources of evidence for label review: a file a source."""
