"""One file a step; the newest is what `Database.upgrade` brings a database to."""
