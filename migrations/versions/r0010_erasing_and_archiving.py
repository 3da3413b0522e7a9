"""Sets and reviews are archived and erased.

The database lets verdicts and corrections of boxes go with what they belong to, where that is named as being erased,
and refuses any other change as before.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

MOMENTS = (("image_sets", "archived"), ("image_sets", "erased"), ("versions", "erased"), ("reviews", "archived"))
KEPT = (
    ("verdicts", "review", "review_id", "verdicts are only ever added"),
    ("box_corrections", "version", "version_id", "corrections of boxes are only ever added"),
)
"""A table, what its rows go with, by which column, and what the database says to all else."""


def upgrade() -> None:
    for table, column in MOMENTS:
        op.add_column(table, sa.Column(column, sa.DateTime(timezone=True), nullable=True))
    op.create_table(
        "being_erased",
        sa.Column("kind", sa.String(length=255), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False, autoincrement=False),
        sa.PrimaryKeyConstraint("kind", "number", name=op.f("pk_being_erased")),
    )
    op.create_table(
        "remains",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("files", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_remains")),
    )
    for kept in KEPT:
        _let_go_with_what_is_erased(*kept)


def downgrade() -> None:
    """What was erased stays so, with numbers and names in its place; files that were still to be removed stay."""
    for table, _, _, refusal in KEPT:
        _let_nothing_go(table, refusal)
    op.drop_table("remains")
    op.drop_table("being_erased")
    for table, column in reversed(MOMENTS):
        op.drop_column(table, column)


def _let_go_with_what_is_erased(table: str, kind: str, column: str, refusal: str) -> None:
    is_named = f"exists (select 1 from being_erased where kind = '{kind}' and number = old.{column})"
    if op.get_bind().dialect.name == "sqlite":
        op.execute(f"drop trigger {table}_stay_on_delete")
        op.execute(
            f"create trigger {table}_stay_on_delete before delete on {table} when not {is_named} "
            f"begin select raise(abort, '{refusal}'); end"
        )
        return
    op.execute(f"drop trigger {table}_stay on {table}")
    op.execute(
        f"create function {table}_stay_on_delete() returns trigger language plpgsql as "
        f"$$ begin if {is_named} then return old; end if; raise exception '{refusal}'; end $$"
    )
    op.execute(
        f"create trigger {table}_stay before update or truncate on {table} "
        f"for each statement execute function {table}_stay()"
    )
    op.execute(
        f"create trigger {table}_stay_on_delete before delete on {table} "
        f"for each row execute function {table}_stay_on_delete()"
    )


def _let_nothing_go(table: str, refusal: str) -> None:
    """As before."""
    if op.get_bind().dialect.name == "sqlite":
        op.execute(f"drop trigger {table}_stay_on_delete")
        op.execute(
            f"create trigger {table}_stay_on_delete before delete on {table} "
            f"begin select raise(abort, '{refusal}'); end"
        )
        return
    op.execute(f"drop trigger {table}_stay_on_delete on {table}")
    op.execute(f"drop function {table}_stay_on_delete()")
    op.execute(f"drop trigger {table}_stay on {table}")
    op.execute(
        f"create trigger {table}_stay before update or delete on {table} "
        f"for each statement execute function {table}_stay()"
    )
