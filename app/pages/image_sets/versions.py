"""The tab “Versions”: every state of a set, who made it, and why."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from html import escape

from app.html import empty
from app.words import ago
from core.records.tables import Version


def draw(
    versions: Sequence[Version], chosen: int | None, is_drawn_on: bool = False, without: Collection[int] = ()
) -> str:
    """With `is_drawn_on`, of a set whose pictures have boxes or masks, these can be taken away too; and of the versions
    `without` some cases that came, the list of those."""
    if not versions:
        return empty("No version yet", "Adding images makes the first one; an edited task makes another.")
    head = "<tr><th>Version</th><th>Cases</th><th>What changed</th><th>Made</th><th>Fingerprint</th><th></th></tr>"
    return (
        '<div class="vt"><p class="small quiet">A version never changes: a run always names exactly what it saw. '
        f"Pictures are kept once, however many versions show them.</p><table>{head}"
        f"{''.join(_row(version, chosen, is_drawn_on, version.id in without) for version in versions)}</table></div>"
    )


def _row(version: Version, chosen: int | None, is_drawn_on: bool, is_without: bool) -> str:
    note = version.note or ("first version" if version.number == 1 else "no note")
    is_chosen = ' <span class="chip">shown</span>' if version.id == chosen else ""
    coco = f'<a href="/downloads/versions/{version.id}/coco.json" download>Boxes and masks (COCO)</a><br>'
    left_out = f'<a href="/downloads/versions/{version.id}/left-out.csv" download>What was left out (CSV)</a><br>'
    return (
        f'<tr><td><a href="/image-sets?set={version.set_id}&version={version.id}">v{version.number}</a>{is_chosen}</td>'
        f"<td>{version.cases:,}</td><td>{escape(note)}</td><td>{ago(version.created)}</td>"
        f'<td><code title="{escape(version.hash)}">{escape(version.hash[:12])}</code></td>'
        f'<td><a href="/downloads/versions/{version.id}/cases.csv" download>List of cases (CSV)</a><br>'
        f"{coco if is_drawn_on else ''}{left_out if is_without else ''}"
        f'<a href="/review?tab=find&version={version.id}">Review its labels</a></td></tr>'
    )
