"""What readers say: distributions, metrics and their intervals."""
