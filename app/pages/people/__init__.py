"""People: who is in the studio, as what and in which projects; for admins."""
