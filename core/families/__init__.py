"""Vision-language model families: one file a family with something odd about it."""
