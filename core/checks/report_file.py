"""The report of a set as a file to take away: one HTML page without script or anything from elsewhere, or JSON.

Pictures of patients are in it only where they are asked for.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from core.case import ImageSet
from core.errors import DataError
from core.pictures.shown import THUMB_PIXELS
from core.pictures.store import as_png

Plain = Mapping[str, Any]
SEVERITIES = {"error": "Must be mended", "warning": "Look at this", "note": "Good to know"}
MOST_PICTURES = 12
NAMED = 100
STYLE = """
body{font:15px/1.5 system-ui,sans-serif;color:#1c2430;max-width:56rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.6rem}h2{font-size:1.15rem;margin-top:2rem}table{border-collapse:collapse;width:100%}
th,td{text-align:left;padding:.25rem .6rem;border-bottom:1px solid #d5dbe3;vertical-align:top}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}
.finding{border-left:4px solid #9aa6b5;padding:.2rem 0 .2rem .9rem;margin:1rem 0;break-inside:avoid}
.error{border-color:#b42318}.warning{border-color:#b7791f}code{overflow-wrap:anywhere}
figure{display:inline-block;margin:.3rem .6rem .3rem 0}figcaption,.quiet{color:#566375;font-size:.85rem}
figure img{display:block;max-width:8rem;max-height:8rem}
@media print{body{margin:0;max-width:none}a{color:inherit}}
"""


KEPT = ("cases", "classes", "splits", "findings", "shortcuts")
"""Of a report that stands among other things."""


def as_json(name: str, report: Plain) -> str:
    kept = {key: report[key] for key in KEPT if key in report}
    return json.dumps({"set": name, **kept}, indent=1, ensure_ascii=False) + "\n"


def as_html(name: str, report: Plain, pictures: Mapping[str, bytes] | None = None) -> str:
    """`report` as `Report.as_json` makes it; `pictures` are small PNG files by the case that they are of."""
    parts = [
        f"<h1>{escape(name)}</h1>",
        f"<p>{report['cases']:,} cases, {len(report['classes'])} labels. {_splits(report)} Research use only.</p>",
        "<h2>Cases of each label</h2>",
        _table(["Label", "Cases"], [[label, f"{count:,}"] for label, count in report["classes"].items()]),
        "<h2>What the check found</h2>",
        *([_finding(finding, pictures or {}) for finding in report["findings"]] or ["<p>Nothing looks wrong.</p>"]),
        *_shortcuts(report.get("shortcuts")),
    ]
    head = f'<meta charset="utf-8"><title>{escape(name)}: report</title><style>{STYLE}</style>'
    return f'<!doctype html><html lang="en"><head>{head}</head><body>{"".join(parts)}</body></html>\n'


def pictures_of(image_set: ImageSet, report: Plain) -> dict[str, bytes]:
    """Small ones of the first cases that each finding names, as far as they can be opened."""
    wanted = {case for finding in report["findings"] for case in finding["cases"][:MOST_PICTURES]}
    pictures = {}
    for case in image_set.cases:
        if case.id in wanted and case.id not in pictures:
            try:
                small = case.pixels.load().copy()
            except DataError:
                continue
            small.thumbnail((THUMB_PIXELS, THUMB_PIXELS))
            pictures[case.id] = as_png(small)
    return pictures


def _splits(report: Plain) -> str:
    listed = ", ".join(f"{count:,} {split}" for split, count in report["splits"].items())
    return f"{listed}." if listed else "Not divided into training, validation and test."


def _finding(finding: Plain, pictures: Mapping[str, bytes]) -> str:
    cases: Sequence[str] = finding["cases"]
    shown = "".join(_figure(case, pictures[case]) for case in cases[:MOST_PICTURES] if case in pictures)
    more = f" and {finding['count'] - len(cases):,} more" if finding["count"] > len(cases) > 0 else ""
    named = f'<p class="quiet">{", ".join(f"<code>{escape(case)}</code>" for case in cases[:NAMED])}{more}</p>'
    return (
        f'<div class="finding {escape(finding["severity"])}"><b>{SEVERITIES[finding["severity"]]}.</b> '
        f"{escape(finding['message'])}{shown and f'<div>{shown}</div>'}{named if cases else ''}</div>"
    )


def _figure(case: str, picture: bytes) -> str:
    source = f"data:image/png;base64,{b64encode(picture).decode()}"
    return f'<figure><img src="{source}" alt="{escape(case)}"><figcaption>{escape(case)}</figcaption></figure>'


def _shortcuts(audited: Plain | None) -> list[str]:
    if not audited:
        return []
    head = "<h2>What tells the label besides the disease</h2>"
    if not audited["cases"]:
        return [head, "<p>Not looked for: too few cases of each label.</p>"]
    rows = [
        [
            each["place"] if each["name"] == "value" else f"{each['place']}: {each['name']}",
            each["label"],
            f"{each['utility']:.2f}",
            f"{'at most ' if each['is_at_most'] else ''}{each['detectability']:.2f}",
            f"{each['risk']:.2f}",
            "shortcut" if each in audited["shortcuts"] else "may be real",
        ]
        for each in (*audited["shortcuts"], *audited["may_be_real"])
    ]
    text = (
        f"Looked for in {audited['cases']:,} cases, one of each patient and of each picture. Utility: how well the "
        "property alone tells the label; detectability: how well it is read from the picture; 0 is chance, 1 always "
        "right. What stands here is no chance at the level of 5 % over all properties together."
    )
    if not rows:
        return [head, f"<p>{text} Nothing was found.</p>"]
    columns = ["Property", "Label", "Utility", "Detectability", "Both", "Taken for"]
    return [head, f"<p>{text}</p>", _table(columns, rows)]


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th>{escape(column)}</th>" for column in columns)
    body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><tr>{head}</tr>{body}</table>"
