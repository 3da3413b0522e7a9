"""Data formats: one file a format."""
