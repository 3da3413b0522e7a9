"""How often a job was handed to a worker: the number of its lease, which never comes again."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("jobs", sa.Column("claims", sa.Integer(), server_default=sa.text("0"), nullable=False))
    # A worker of the version before holds its job by `attempts`; what it holds now keeps a number of its own.
    op.execute("update jobs set claims = attempts")


def downgrade() -> None:
    with op.batch_alter_table("jobs") as jobs:
        jobs.drop_column("claims")
