"""What people correct of the boxes of cases; a version may differ from the one before without a review."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "box_corrections",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("set_id", sa.Integer(), nullable=False),
        sa.Column("version_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=1024), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("given", sa.JSON(), nullable=False),
        sa.Column("boxes", sa.JSON(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_box_corrections_person_id_people")),
        sa.ForeignKeyConstraint(["set_id"], ["image_sets.id"], name=op.f("fk_box_corrections_set_id_image_sets")),
        sa.ForeignKeyConstraint(["version_id"], ["versions.id"], name=op.f("fk_box_corrections_version_id_versions")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_box_corrections")),
    )
    op.create_index(op.f("ix_box_corrections_set_id"), "box_corrections", ["set_id"])
    _refuse_changes()
    with op.batch_alter_table("corrections") as corrections:
        corrections.alter_column("review_id", existing_type=sa.Integer(), nullable=True)


def downgrade() -> None:
    op.execute("delete from corrections where review_id is null")
    with op.batch_alter_table("corrections") as corrections:
        corrections.alter_column("review_id", existing_type=sa.Integer(), nullable=False)
    op.drop_index(op.f("ix_box_corrections_set_id"), table_name="box_corrections")
    op.drop_table("box_corrections")
    if op.get_bind().dialect.name != "sqlite":
        op.execute("drop function box_corrections_stay()")


def _refuse_changes() -> None:
    """As of verdicts: a correction is never changed or deleted."""
    if op.get_bind().dialect.name == "sqlite":
        for change in ("update", "delete"):
            op.execute(
                f"create trigger box_corrections_stay_on_{change} before {change} on box_corrections "
                "begin select raise(abort, 'corrections of boxes are only ever added'); end"
            )
        return
    op.execute(
        "create function box_corrections_stay() returns trigger language plpgsql as "
        "$$ begin raise exception 'corrections of boxes are only ever added'; end $$"
    )
    op.execute(
        "create trigger box_corrections_stay before update or delete on box_corrections "
        "for each statement execute function box_corrections_stay()"
    )
