"""Task-specific models: one file a model."""
