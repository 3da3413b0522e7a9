"""Label review: searches, suspects, verdicts that are only ever added, and the corrections made from them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

STANDINGS = (
    ["review_id", "rank"],
    ["review_id", "person_id", "rank", "given", "split", "flags"],
)
SUSPECTS = (
    ["review_id", "rank", "given", "split", "flags"],
    ["review_id", "deciders", "rank", "given", "split", "flags"],
    ["review_id", "is_disputed", "rank"],
    ["review_id", "alike"],
)


def upgrade() -> None:
    op.create_table(
        "reviews",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=True),
        sa.Column("version_id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=True),
        sa.Column("job_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("settings", sa.JSON(), nullable=False),
        sa.Column("readers", sa.Integer(), nullable=False),
        sa.Column("is_blind", sa.Boolean(), nullable=False),
        sa.Column("cases", sa.Integer(), nullable=False),
        sa.Column("estimated", sa.Double(), nullable=True),
        sa.Column("low", sa.Double(), nullable=True),
        sa.Column("high", sa.Double(), nullable=True),
        sa.Column("sources", sa.JSON(), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_reviews_job_id_jobs")),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_reviews_person_id_people")),
        sa.ForeignKeyConstraint(
            ["project_id"], ["projects.id"], name=op.f("fk_reviews_project_id_projects"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_reviews_run_id_runs"), ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["version_id"], ["versions.id"], name=op.f("fk_reviews_version_id_versions")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reviews")),
        sa.UniqueConstraint("job_id", name=op.f("uq_reviews_job_id")),
        sa.UniqueConstraint("key", name=op.f("uq_reviews_key")),
    )
    op.create_index(op.f("ix_reviews_project_id"), "reviews", ["project_id"])
    op.create_index(op.f("ix_reviews_version_id"), "reviews", ["version_id"])
    op.create_table(
        "corrections",
        sa.Column("version_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=1024), nullable=False),
        sa.Column("review_id", sa.Integer(), nullable=False),
        sa.Column("action", sa.String(length=255), nullable=False),
        sa.Column("who", sa.String(length=1024), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["review_id"], ["reviews.id"], name=op.f("fk_corrections_review_id_reviews"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["version_id"], ["versions.id"], name=op.f("fk_corrections_version_id_versions"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("version_id", "name", name=op.f("pk_corrections")),
    )
    op.create_index(op.f("ix_corrections_review_id"), "corrections", ["review_id"])
    op.create_table(
        "grounds",
        sa.Column("review_id", sa.Integer(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("evidence", sa.JSON(), nullable=False),
        sa.Column("probabilities", sa.JSON(), nullable=False),
        sa.Column("neighbours", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["review_id"], ["reviews.id"], name=op.f("fk_grounds_review_id_reviews"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("review_id", "rank", name=op.f("pk_grounds")),
    )
    op.create_table(
        "verdicts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("review_id", sa.Integer(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("action", sa.String(length=255), nullable=False),
        sa.Column("is_settlement", sa.Boolean(), nullable=False),
        sa.Column("given", sa.String(length=255), nullable=False),
        sa.Column("label", sa.String(length=255), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("confidence", sa.String(length=255), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=True),
        sa.Column("takes_back", sa.Integer(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "action in ('keep', 'change', 'unsure', 'exclude', 'undo')", name=op.f("ck_verdicts_action_known")
        ),
        sa.CheckConstraint("confidence in ('sure', 'fairly', 'guess')", name=op.f("ck_verdicts_confidence_known")),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_verdicts_person_id_people")),
        sa.ForeignKeyConstraint(["review_id"], ["reviews.id"], name=op.f("fk_verdicts_review_id_reviews")),
        sa.ForeignKeyConstraint(["takes_back"], ["verdicts.id"], name=op.f("fk_verdicts_takes_back_verdicts")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_verdicts")),
        sa.UniqueConstraint("person_id", "key", "rank", name=op.f("uq_verdicts_person_id_key_rank")),
        sa.UniqueConstraint("takes_back", name=op.f("uq_verdicts_takes_back")),
    )
    op.create_index(op.f("ix_verdicts_review_id_person_id_id"), "verdicts", ["review_id", "person_id", "id"])
    op.create_index(op.f("ix_verdicts_review_id_rank_person_id"), "verdicts", ["review_id", "rank", "person_id"])
    op.create_table(
        "standings",
        sa.Column("review_id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("action", sa.String(length=255), nullable=False),
        sa.Column("verdict_id", sa.Integer(), nullable=False),
        sa.Column("given", sa.String(length=255), nullable=False),
        sa.Column("split", sa.String(length=5), nullable=True),
        sa.Column("flags", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_standings_person_id_people")),
        sa.ForeignKeyConstraint(
            ["review_id"], ["reviews.id"], name=op.f("fk_standings_review_id_reviews"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["verdict_id"], ["verdicts.id"], name=op.f("fk_standings_verdict_id_verdicts")),
        sa.PrimaryKeyConstraint("review_id", "person_id", "rank", name=op.f("pk_standings")),
    )
    for columns in STANDINGS:
        op.create_index(op.f(f"ix_standings_{'_'.join(columns)}"), "standings", columns)
    op.create_table(
        "suspects",
        sa.Column("review_id", sa.Integer(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=1024), nullable=False),
        sa.Column("given", sa.String(length=255), nullable=False),
        sa.Column("suggested", sa.String(length=255), nullable=False),
        sa.Column("score", sa.Double(), nullable=False),
        sa.Column("split", sa.String(length=5), nullable=True),
        sa.Column("patient", sa.String(length=255), nullable=True),
        sa.Column("alike", sa.Integer(), nullable=True),
        sa.Column("flags", sa.Integer(), nullable=False),
        sa.Column("deciders", sa.Integer(), nullable=False),
        sa.Column("is_disputed", sa.Boolean(), nullable=False),
        sa.Column("settled", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["review_id"], ["reviews.id"], name=op.f("fk_suspects_review_id_reviews"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["settled"], ["verdicts.id"], name=op.f("fk_suspects_settled_verdicts")),
        sa.PrimaryKeyConstraint("review_id", "rank", name=op.f("pk_suspects")),
    )
    for columns in SUSPECTS:
        op.create_index(op.f(f"ix_suspects_{'_'.join(columns)}"), "suspects", columns)

    _refuse_changes_of_verdicts()


def downgrade() -> None:
    for columns in reversed(SUSPECTS):
        op.drop_index(op.f(f"ix_suspects_{'_'.join(columns)}"), table_name="suspects")
    op.drop_table("suspects")
    for columns in reversed(STANDINGS):
        op.drop_index(op.f(f"ix_standings_{'_'.join(columns)}"), table_name="standings")
    op.drop_table("standings")
    op.drop_index(op.f("ix_verdicts_review_id_rank_person_id"), table_name="verdicts")
    op.drop_index(op.f("ix_verdicts_review_id_person_id_id"), table_name="verdicts")
    op.drop_table("verdicts")
    op.drop_table("grounds")
    op.drop_index(op.f("ix_corrections_review_id"), table_name="corrections")
    op.drop_table("corrections")
    op.drop_index(op.f("ix_reviews_version_id"), table_name="reviews")
    op.drop_index(op.f("ix_reviews_project_id"), table_name="reviews")
    op.drop_table("reviews")
    if op.get_bind().dialect.name != "sqlite":
        op.execute("drop function verdicts_stay()")


def _refuse_changes_of_verdicts() -> None:
    """The database itself sees to it that a verdict is never changed or deleted."""
    if op.get_bind().dialect.name == "sqlite":
        for change in ("update", "delete"):
            op.execute(
                f"create trigger verdicts_stay_on_{change} before {change} on verdicts "
                "begin select raise(abort, 'verdicts are only ever added'); end"
            )
        return
    op.execute(
        "create function verdicts_stay() returns trigger language plpgsql as "
        "$$ begin raise exception 'verdicts are only ever added'; end $$"
    )
    op.execute(
        "create trigger verdicts_stay before update or delete on verdicts "
        "for each statement execute function verdicts_stay()"
    )
