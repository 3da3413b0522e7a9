"""What goes for good, with what hangs on it, and what has to be renumbered then."""
