"""The parts of the page Review: finding cases, deciding on them, agreeing, and correcting the set."""
