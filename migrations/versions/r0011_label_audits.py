"""Labels of a review are audited: the first suspects and others drawn at random, on which people decide.

What was drawn stays: the database refuses to change it, and to delete it but with a review that is erased. The interval
of a search's index of doubted labels goes: it held no true number of wrong labels.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

TABLES = ("label_audits", "audited_cases")
REFUSAL = "what an audit drew stays"


def upgrade() -> None:
    op.create_table(
        "label_audits",
        sa.Column("review_id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("seed", sa.Integer(), nullable=False),
        sa.Column("first", sa.Integer(), nullable=False),
        sa.Column("others", sa.Integer(), nullable=False),
        sa.Column("cases", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_label_audits_person_id_people")),
        sa.ForeignKeyConstraint(["review_id"], ["reviews.id"], name=op.f("fk_label_audits_review_id_reviews")),
        sa.PrimaryKeyConstraint("review_id", name=op.f("pk_label_audits")),
    )
    op.create_table(
        "audited_cases",
        sa.Column("review_id", sa.Integer(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("is_drawn", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["review_id"], ["reviews.id"], name=op.f("fk_audited_cases_review_id_reviews")),
        sa.PrimaryKeyConstraint("review_id", "rank", name=op.f("pk_audited_cases")),
    )
    for table in TABLES:
        _keep(table)
    for column in ("low", "high"):
        op.drop_column("reviews", column)


def downgrade() -> None:
    """Audits are gone; the verdicts on what they drew stay. Intervals of the index are not made again."""
    for column in ("low", "high"):
        op.add_column("reviews", sa.Column(column, sa.Float(), nullable=True))
    for table in reversed(TABLES):
        op.drop_table(table)
        if op.get_bind().dialect.name != "sqlite":
            for function in (f"{table}_stay", f"{table}_stay_on_delete"):
                op.execute(f"drop function {function}()")


def _keep(table: str) -> None:
    """Only added to, and deleted with a review that is being erased."""
    is_named = "exists (select 1 from being_erased where kind = 'review' and number = old.review_id)"
    if op.get_bind().dialect.name == "sqlite":
        refuse = f"begin select raise(abort, '{REFUSAL}'); end"
        op.execute(f"create trigger {table}_stay_on_update before update on {table} {refuse}")
        op.execute(f"create trigger {table}_stay_on_delete before delete on {table} when not {is_named} {refuse}")
        return
    begin = "returns trigger language plpgsql as $$ begin"
    op.execute(f"create function {table}_stay() {begin} raise exception '{REFUSAL}'; end $$")
    op.execute(
        f"create function {table}_stay_on_delete() {begin} "
        f"if {is_named} then return old; end if; raise exception '{REFUSAL}'; end $$"
    )
    op.execute(
        f"create trigger {table}_stay before update or truncate on {table} "
        f"for each statement execute function {table}_stay()"
    )
    op.execute(
        f"create trigger {table}_stay_on_delete before delete on {table} "
        f"for each row execute function {table}_stay_on_delete()"
    )
