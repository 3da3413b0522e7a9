"""What a set is looked through for before it is kept: what is wrong or gives labels away, and how it is mended."""
