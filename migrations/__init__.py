"""How the tables of the studio came to be, step by step: Alembic's revisions."""
