"""The tab “Versions”: every state of a set, who made it, and why."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from app.html import empty
from app.words import ago
from core.records.tables import Version


def draw(versions: Sequence[Version], chosen: int | None) -> str:
    if not versions:
        return empty("No version yet", "Adding images makes the first one; an edited task makes another.")
    head = "<tr><th>Version</th><th>Cases</th><th>What changed</th><th>Made</th><th>Fingerprint</th><th></th></tr>"
    return (
        '<div class="vt"><p class="small quiet">A version never changes: a run always names exactly what it saw. '
        f"Pictures are kept once, however many versions show them.</p><table>{head}"
        f"{''.join(_row(one, chosen) for one in versions)}</table></div>"
    )


def _row(one: Version, chosen: int | None) -> str:
    note = one.note or ("first version" if one.number == 1 else "no note")
    is_chosen = ' <span class="chip">shown</span>' if one.id == chosen else ""
    return (
        f'<tr><td><a href="/image-sets?set={one.set_id}&version={one.id}">v{one.number}</a>{is_chosen}</td>'
        f"<td>{one.cases:,}</td><td>{escape(note)}</td><td>{ago(one.created)}</td>"
        f'<td><code title="{escape(one.hash)}">{escape(one.hash[:12])}</code></td>'
        f'<td><a href="/downloads/versions/{one.id}/cases.csv" download>List of cases (CSV)</a><br>'
        f'<a href="/review?tab=find&version={one.id}">Review its labels</a></td></tr>'
    )
