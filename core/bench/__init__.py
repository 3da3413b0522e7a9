"""Benchmarks: both sides of a comparison in one run, alternating, medians and their ratio."""
