"""Labels are lists of names, where they were one text joined by `, ` and cut at 255 characters.

Texts are told apart by the answers of their version. Beside the names of a case stand their places among the answers,
by which it is filtered.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

CUT = 255
NO_FINDING = "no finding"
SHORT, LONG = sa.String(length=CUT), sa.Text()
SPELLED = (
    ("cases", "labels"),
    ("suspects", "given"),
    ("suspects", "suggested"),
    ("verdicts", "given"),
    ("verdicts", "labels"),
)
WITH_PLACES = (("cases", "labels"), ("suspects", "given"))
TEXTS = "select version_id, labels as before from cases " + " ".join(
    f"union select r.version_id, {table}.{column} from {table} join reviews r on r.id = {table}.review_id "
    f"where {table}.{column} is not null"
    for table, column in SPELLED[1:]
)
INDEXES = (
    ("cases", ("version_id", "{}", "number", "split")),
    ("suspects", ("review_id", "rank", "{}", "split", "flags")),
    ("suspects", ("review_id", "deciders", "rank", "{}", "split", "flags")),
    ("standings", ("review_id", "person_id", "rank", "{}", "split", "flags")),
)
CHECKS = (
    sa.CheckConstraint("action in ('keep', 'change', 'unsure', 'exclude', 'undo')", name="ck_verdicts_action_known"),
    sa.CheckConstraint("confidence in ('sure', 'fairly', 'guess')", name="ck_verdicts_confidence_known"),
)
"""SQLite tells them to nobody, so a table that is made anew has to be given them again."""


def upgrade() -> None:
    _drop_indexes("label", "given")
    _may_change_verdicts()
    with op.batch_alter_table("cases") as cases:
        cases.alter_column("label", new_column_name="labels", existing_type=SHORT, type_=LONG, existing_nullable=False)
        cases.add_column(sa.Column("places", LONG, nullable=True))
    with op.batch_alter_table("suspects") as suspects:
        for name in ("given", "suggested"):
            suspects.alter_column(name, existing_type=SHORT, type_=LONG, existing_nullable=False)
        suspects.add_column(sa.Column("places", LONG, nullable=True))
    with op.batch_alter_table("verdicts", table_args=CHECKS) as verdicts:
        verdicts.alter_column("given", existing_type=SHORT, type_=LONG, existing_nullable=False)
        verdicts.alter_column(
            "label", new_column_name="labels", existing_type=SHORT, type_=LONG, existing_nullable=False, nullable=True
        )
    with op.batch_alter_table("standings") as standings:
        standings.alter_column(
            "given", new_column_name="places", existing_type=SHORT, type_=LONG, existing_nullable=False
        )
    _spell(is_up=True)
    for table in ("cases", "suspects"):
        with op.batch_alter_table(table) as altered:
            altered.alter_column("places", existing_type=LONG, nullable=False)
    _make_indexes("places", "places")
    _verdicts_stay()


def downgrade() -> None:
    _drop_indexes("places", "places")
    _may_change_verdicts()
    _spell(is_up=False)
    with op.batch_alter_table("cases") as cases:
        cases.drop_column("places")
        cases.alter_column("labels", new_column_name="label", existing_type=LONG, type_=SHORT, existing_nullable=False)
    with op.batch_alter_table("suspects") as suspects:
        suspects.drop_column("places")
        for name in ("given", "suggested"):
            suspects.alter_column(name, existing_type=LONG, type_=SHORT, existing_nullable=False)
    with op.batch_alter_table("verdicts", table_args=CHECKS) as verdicts:
        verdicts.alter_column("given", existing_type=LONG, type_=SHORT, existing_nullable=False)
        verdicts.alter_column(
            "labels", new_column_name="label", existing_type=LONG, type_=SHORT, existing_nullable=True, nullable=False
        )
    with op.batch_alter_table("standings") as standings:
        standings.alter_column(
            "places", new_column_name="given", existing_type=LONG, type_=SHORT, existing_nullable=False
        )
    _make_indexes("label", "given")
    _verdicts_stay()


def told_apart(text: str, answers: Sequence[str]) -> list[str]:
    """The labels that a text names, in the order of the answers. The longest answers are tried first.

    Where the text was cut, its last name is the only answer that begins so, or is lost if several do.
    """
    is_cut = len(text) == CUT

    def named(rest: str, first: int) -> list[str] | None:
        if is_cut and rest in ("", ","):
            return []
        later = answers[first:]
        for answer in sorted(later, key=len, reverse=True):
            if rest == answer:
                return [answer]
            if rest.startswith(f"{answer},"):
                after = rest[len(answer) :]
                if not after.startswith(", ") and not (is_cut and after == ","):
                    continue
                others = named(after.removeprefix(",").removeprefix(" "), answers.index(answer) + 1)
                if others is not None:
                    return [answer, *others]
        if not is_cut:
            return None
        begun = [answer for answer in later if answer.startswith(rest)]
        return begun if len(begun) == 1 else [] if begun else None

    if text == NO_FINDING and text not in answers:
        return []
    return named(text, 0) or [text]


def joined(names: str | None) -> str:
    """As the version before kept them."""
    return "" if names is None else (", ".join(json.loads(names)) or NO_FINDING)[:CUT]


def _places(names: Sequence[str], answers: Sequence[str]) -> str:
    """As `core.records.labels.places_of` has it."""
    return "," + "".join(f"{place}," for place, answer in enumerate(answers) if answer in names)


def _spell(is_up: bool) -> None:
    """Each text that rows of a version hold is spelled anew once, and then all rows that hold it at once."""
    new = op.create_table(
        "spellings",
        sa.Column("version_id", sa.Integer()),
        sa.Column("before", LONG),
        sa.Column("after", LONG),
        sa.Column("places", LONG),
    )
    bind = op.get_bind()
    op.execute("update verdicts set labels = null where labels = ''")
    versions = sa.table("versions", sa.column("id", sa.Integer()), sa.column("task", sa.JSON()))
    answers = {row.id: row.task["answers"] for row in bind.execute(sa.select(versions))}
    rows = [
        _spelling(row.version_id, row.before, answers[row.version_id], is_up) for row in bind.execute(sa.text(TEXTS))
    ]
    if rows:
        bind.execute(sa.insert(new), rows)
    for table, column in SPELLED:
        source, its = "spellings s, reviews r", f"r.id = {table}.review_id and s.version_id = r.version_id"
        if table == "cases":
            source, its = "spellings s", "s.version_id = cases.version_id"
        places = ", places = s.places" if is_up and (table, column) in WITH_PLACES else ""
        changed = f"update {table} set {column} = s.after{places} from {source}"
        op.execute(f"{changed} where {its} and s.before = {table}.{column}")
    column = "places" if is_up else "given"
    op.execute(
        f"update standings set places = x.{column} from suspects x "
        "where x.review_id = standings.review_id and x.rank = standings.rank"
    )
    if not is_up:
        op.execute("update verdicts set labels = '' where labels is null")
    op.drop_table("spellings")


def _spelling(version_id: int, before: str, answers: Sequence[str], is_up: bool) -> dict[str, Any]:
    if not is_up:
        return {"version_id": version_id, "before": before, "after": joined(before), "places": ""}
    names = told_apart(before, answers)
    after = json.dumps(names, ensure_ascii=False)
    return {"version_id": version_id, "before": before, "after": after, "places": _places(names, answers)}


def _drop_indexes(*columns: str) -> None:
    for table, names in reversed(_indexes(*columns)):
        op.drop_index(op.f(f"ix_{table}_{'_'.join(names)}"), table_name=table)


def _make_indexes(*columns: str) -> None:
    for table, names in _indexes(*columns):
        op.create_index(op.f(f"ix_{table}_{'_'.join(names)}"), table, names)


def _indexes(of_case: str, of_review: str) -> list[tuple[str, list[str]]]:
    return [
        (table, [name.format(of_case if table == "cases" else of_review) for name in names]) for table, names in INDEXES
    ]


def _may_change_verdicts() -> None:
    if op.get_bind().dialect.name == "sqlite":
        for change in ("update", "delete"):
            op.execute(f"drop trigger verdicts_stay_on_{change}")
    else:
        op.execute("drop trigger verdicts_stay on verdicts")


def _verdicts_stay() -> None:
    """As before: a verdict is never changed or deleted."""
    if op.get_bind().dialect.name == "sqlite":
        for change in ("update", "delete"):
            op.execute(
                f"create trigger verdicts_stay_on_{change} before {change} on verdicts "
                "begin select raise(abort, 'verdicts are only ever added'); end"
            )
        return
    op.execute(
        "create trigger verdicts_stay before update or delete on verdicts "
        "for each statement execute function verdicts_stay()"
    )
