"""Tuning methods: one file a method."""
