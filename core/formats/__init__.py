"""Dataset formats: one file each, with TITLE, Settings, looks_like, read and write_example."""
