"""Cases and a question: how a set is opened, split, checked and kept as a version."""
