"""Rows as lines of text, a file a table: exactly what stood in one database, for the same kind or the other to take.

The tables are looked up in the database and not in `tables`, so that rows of an earlier version are told as well.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import (
    JSON,
    Column,
    Connection,
    DateTime,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    cast,
    collate,
    func,
    insert,
    select,
    type_coerce,
)
from sqlalchemy.dialects import postgresql

VERSIONS = "alembic_version"
ROWS_AT_ONCE = 1000


class _Written(TypeDecorator[str]):
    """JSON as the text that stands in the column, not as what it means: hashes were made over the text."""

    impl = Text
    cache_ok = True

    def column_expression(self, column: Any) -> Any:
        return type_coerce(cast(column, Text), Text)


class _WrittenPostgres(_Written):
    cache_ok = True

    def bind_expression(self, bindvalue: Any) -> Any:
        return cast(type_coerce(bindvalue, Text), postgresql.JSON)


def dump(connection: Connection, folder: Path) -> dict[str, int]:
    """Writes every table of a snapshot; returns how many rows each has."""
    folder.mkdir(parents=True)
    return {table.name: _dump(connection, table, folder / f"{table.name}.jsonl") for table in tables(connection)}


def load(connection: Connection, folder: Path) -> None:
    """Fills empty tables, which migrations have just made, with what was dumped."""
    for table in tables(connection):
        file = folder / f"{table.name}.jsonl"
        if table.name != VERSIONS and file.is_file():
            for rows in _batches(file, table):
                connection.execute(insert(table), rows)
            if connection.dialect.name == "postgresql":
                _count_on(connection, table)


def tables(connection: Connection) -> list[Table]:
    """Those that are there, each after the ones that its keys lead to."""
    metadata = MetaData()
    metadata.reflect(connection)
    written = _Written() if connection.dialect.name == "sqlite" else _WrittenPostgres()
    for table in metadata.sorted_tables:
        for column in table.columns:
            if isinstance(column.type, JSON):
                column.type = written
    return list(metadata.sorted_tables)


def _dump(connection: Connection, table: Table, file: Path) -> int:
    names, count = [column.name for column in table.columns], 0
    order = [_ordered(connection, column) for column in table.primary_key.columns or table.columns]
    rows = connection.execution_options(yield_per=ROWS_AT_ONCE).execute(select(table).order_by(*order))
    with file.open("w", encoding="utf-8") as opened:
        opened.write(json.dumps(names) + "\n")
        for row in rows:
            opened.write(json.dumps([_plain(value) for value in row], ensure_ascii=False) + "\n")
            count += 1
    return count


def _ordered(connection: Connection, column: Column[Any]) -> Any:
    """By bytes in both databases."""
    is_text = connection.dialect.name == "postgresql" and isinstance(column.type, String)
    return collate(column, "C") if is_text else column


def _batches(file: Path, table: Table) -> Iterator[list[dict[str, Any]]]:
    with file.open(encoding="utf-8") as lines:
        columns = [table.columns[name] for name in json.loads(next(lines))]
        rows: list[dict[str, Any]] = []
        for line in lines:
            values = zip(columns, json.loads(line), strict=True)
            rows.append({column.name: _typed(value, column) for column, value in values})
            if len(rows) == ROWS_AT_ONCE:
                yield rows
                rows = []
        if rows:
            yield rows


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return {"utc": (value if value.tzinfo is None else value.astimezone(UTC)).replace(tzinfo=None).isoformat()}
    return {"base64": base64.b64encode(value).decode()} if isinstance(value, bytes) else value


def _typed(value: Any, column: Column[Any]) -> Any:
    if not isinstance(value, dict):
        return value
    if "base64" in value:
        return base64.b64decode(value["base64"])
    is_aware = isinstance(column.type, DateTime) and column.type.timezone
    moment = datetime.fromisoformat(value["utc"])
    return moment.replace(tzinfo=UTC) if is_aware else moment


def _count_on(connection: Connection, table: Table) -> None:
    """New rows get numbers after the highest one that was loaded."""
    for column in table.primary_key.columns:
        sequence = connection.scalar(select(func.pg_get_serial_sequence(table.name, column.name)))
        highest = connection.scalar(select(func.max(column))) if sequence else None
        if highest is not None:
            connection.execute(select(func.setval(sequence, highest)))
