"""Where evidence comes from: a file a source."""
