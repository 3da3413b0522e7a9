"""The audit log becomes a chain: each row's hash covers its content and the row before it; no row is ever changed."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

COLUMNS = ("person_id", "who", "action", "project_id", "subject", "details")


def upgrade() -> None:
    with op.batch_alter_table("audit") as audit:
        audit.add_column(sa.Column("previous", sa.String(length=64), nullable=True))
        audit.add_column(sa.Column("hash", sa.String(length=64), nullable=True))
    chain_what_is_there()
    with op.batch_alter_table("audit") as audit:
        audit.alter_column("previous", existing_type=sa.String(length=64), nullable=False)
        audit.alter_column("hash", existing_type=sa.String(length=64), nullable=False)
    _refuse_changes()


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        for change in ("update", "delete"):
            op.execute(f"drop trigger audit_stays_on_{change}")
    else:
        op.execute("drop trigger audit_stays on audit")
        op.execute("drop function audit_stays()")
    with op.batch_alter_table("audit") as audit:
        audit.drop_column("hash")
        audit.drop_column("previous")


def chain_what_is_there() -> None:
    """Rows from before are taken as they stand today."""
    kinds: dict[str, Any] = {"at": sa.DateTime(timezone=True), "details": sa.JSON()}
    names = ("id", "at", *COLUMNS, "previous", "hash")
    audit = sa.table("audit", *(sa.column(name, kinds.get(name, sa.types.NULLTYPE)) for name in names))
    bind, previous = op.get_bind(), ""
    for row in bind.execute(sa.select(audit).order_by(audit.c.id)).mappings().all():
        chained = {"previous": previous, "hash": _hash(previous, row)}
        bind.execute(sa.update(audit).where(audit.c.id == row["id"]).values(chained))
        previous = chained["hash"]


def _hash(previous: str, row: Any) -> str:
    """As `core.records.audit.hash_of` has it."""
    at = row["at"].replace(tzinfo=UTC) if row["at"].tzinfo is None else row["at"].astimezone(UTC)
    values = [row[name] for name in COLUMNS]
    content = json.dumps([previous, at.isoformat(), *values], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(content.encode()).hexdigest()


def _refuse_changes() -> None:
    if op.get_bind().dialect.name == "sqlite":
        for change in ("update", "delete"):
            op.execute(
                f"create trigger audit_stays_on_{change} before {change} on audit "
                "begin select raise(abort, 'rows of the audit are only ever added'); end"
            )
        return
    op.execute(
        "create function audit_stays() returns trigger language plpgsql as "
        "$$ begin raise exception 'rows of the audit are only ever added'; end $$"
    )
    op.execute(
        "create trigger audit_stays before update or delete or truncate on audit "
        "for each statement execute function audit_stays()"
    )
