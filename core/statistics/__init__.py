"""Figures with their intervals, from plain numbers: what no reader and no run has to be known for."""
