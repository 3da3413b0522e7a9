"""What arrives from a hospital loses whatever says whose it is, before anything else looks at it."""
