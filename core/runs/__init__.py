"""A whole run and its folder: prepared, tuned, read, estimated, exported."""
