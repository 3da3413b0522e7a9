"""Links that invite a person or let them choose a new password; where a session is used and when it was last."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "invitations",
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("token_hash", sa.String(length=255), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["person_id"], ["people.id"], name=op.f("fk_invitations_person_id_people"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("person_id", name=op.f("pk_invitations")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_invitations_token_hash")),
    )
    op.add_column("people", sa.Column("seen", sa.DateTime(timezone=True), nullable=True))
    op.add_column("sign_ins", sa.Column("seen", sa.DateTime(timezone=True), nullable=True))
    op.add_column("sign_ins", sa.Column("address", sa.String(length=255), nullable=True))
    op.add_column("sign_ins", sa.Column("browser", sa.String(length=255), nullable=True))


def downgrade() -> None:
    """Whoever was invited and never came has no password, and so is nobody who may sign in."""
    for column in ("browser", "address", "seen"):
        op.drop_column("sign_ins", column)
    op.drop_column("people", "seen")
    op.drop_table("invitations")
