"""What the studio remembers: people, image sets, runs, jobs. SQLAlchemy lives here, and the queue's sending side."""
