"""Runs: queued, watched, compared, asked, exported."""
