"""A VLM and a TSM as the methods see them: the shared prefix, LoRA, the exemplar, features."""
