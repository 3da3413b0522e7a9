"""Account: everybody's own password and sessions, and what to do for whoever is in no project."""
