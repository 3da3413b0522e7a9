"""No job and no upload gets the number of another that went: SQLite gave the newest one's again.

PostgreSQL counts on by itself.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

CHECKS = {
    "jobs": (
        sa.CheckConstraint(
            "state in ('waiting', 'running', 'stopped', 'cancelled', 'done', 'failed')", name="ck_jobs_state_known"
        ),
        sa.CheckConstraint("wish in ('', 'stop', 'cancel')", name="ck_jobs_wish_known"),
        sa.CheckConstraint("queue in ('tune', 'read', 'intake')", name="ck_jobs_queue_known"),
    ),
    "uploads": (
        sa.CheckConstraint(
            "state in ('arriving', 'checking', 'checked', 'adding', 'added', 'refused')", name="ck_uploads_state_known"
        ),
    ),
}
"""SQLite tells them to nobody, so a table that is made anew has to be given them again."""


def upgrade() -> None:
    _count_on(True)


def downgrade() -> None:
    _count_on(False)


def _count_on(is_kept: bool) -> None:
    """SQLite keeps the highest number that a table ever had only where the table was made so."""
    if op.get_bind().dialect.name != "sqlite":
        return
    for table, checks in CHECKS.items():
        kept = {"sqlite_autoincrement": is_kept}
        with op.batch_alter_table(table, recreate="always", table_args=checks, table_kwargs=kept):
            pass
