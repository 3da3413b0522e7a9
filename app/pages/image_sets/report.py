"""An upload as people read about it: how far it is, what the check found, what is in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from app.html import bar, empty, notice, size
from app.pages.image_sets.mending import draw_fixes
from app.words import lasting
from core.checks.mending import MENDING
from core.deid.waiting import WAITING
from core.records.sets.sets import UploadView
from core.records.tables import UNDER_WAY

SEVERITIES = {"error": ("bad", "Must be mended"), "warning": ("warn", "Look at this"), "note": ("", "Good to know")}
CASES_NAMED = 12
PICTURES_SHOWN = 6
STATES = {
    "arriving": "arrived",
    "checking": "being checked",
    "checked": "checked",
    "adding": "being added",
    "added": "added",
    "refused": "not usable",
}


def state_of(upload: UploadView) -> str:
    """In a word or two. A job that failed has not refused the files."""
    if upload.job_state == "failed" and upload.state in ("checking", "adding"):
        return "not done"
    is_waiting = upload.state == "checked" and (upload.report or {}).get(WAITING)
    return "waits for a look" if is_waiting else STATES[upload.state]


def is_busy(upload: UploadView) -> bool:
    return upload.job_state in UNDER_WAY


def draw(upload: UploadView | None, version_id: int | None = None, is_open: bool = False) -> str:
    """The whole report of an upload; `version_id` is what it was kept as. Where it `is_open`, a finding has buttons."""
    if upload is None:
        return empty("No upload yet", "Drop your files on the left. They are checked before anything is kept.")
    head = (
        f'<h2>{escape(upload.name)} <span class="chip">{state_of(upload)}</span></h2>'
        f'<p class="small quiet">{size(upload.size)}, brought by {escape(upload.person)}</p>'
    )
    head += _going(upload) + _kept(upload, version_id)
    return f'<div class="vt">{head}{_findings(upload, is_open) if _is_shown(upload) else ""}</div>'


def _is_shown(upload: UploadView) -> bool:
    return upload.report is not None and upload.state in ("checked", "adding")


def _going(upload: UploadView) -> str:
    if is_busy(upload):
        progress = upload.progress
        text = progress.text or ("Waits for its turn" if upload.job_state == "waiting" else "Begins")
        counted = f": {progress.done or 0:,} of {progress.whole:,}" if progress.whole else " …"
        left = f"{lasting(progress.seconds_left)} left" if progress.seconds_left else ""
        return f'{bar(progress.share, text)}<p class="small">{escape(text)}{counted} {left}</p>'
    if upload.error:
        return notice(upload.error, "bad")
    if upload.state == "arriving":
        return notice("The files are here. Press “Check again” to have them looked at.")
    return ""


def _kept(upload: UploadView, version_id: int | None) -> str:
    if upload.state != "added":
        return ""
    kept = notice("This is kept now as an image set. The files that you brought are not needed any more.", "good")
    if version_id is None:
        return kept
    return (
        f'{kept}<p><a class="go" href="/image-sets?version={version_id}">Look at its cases</a> '
        f'<a class="go second" href="/tune?version={version_id}">Tune a model on it</a></p>'
    )


def _findings(upload: UploadView, is_open: bool) -> str:
    report = upload.report or {}
    findings, pictures = report["findings"], report.get("pictures", {})
    if report.get(WAITING):
        return "".join(map(_finding, findings))
    errors = sum(finding["severity"] == "error" for finding in findings)
    splits = ", ".join(f"{count:,} {name}" for name, count in report["splits"].items())
    divided = splits or "not divided into training, validation and test, which a run does"
    summary = f"{report['cases']:,} cases, {len(report['classes'])} labels; {divided}."
    mending = report.get(MENDING) or {}
    if errors and mending.get("unusable"):
        verdict = notice(
            "Some of this must be mended before it can be added. Keep the rest without it, with the button below, or "
            "mend the files and bring them again.",
            "bad",
        )
    elif errors:
        verdict = notice(
            "Some of this must be mended before it can be added. Mend the files and bring them again.", "bad"
        )
    elif findings:
        verdict = notice("This can be added. Read the remarks first: some may spoil the figures later.", "warn")
    else:
        verdict = notice("Every picture opens, and nothing looks wrong. This can be added.", "good")
    files = " · ".join(
        f'<a href="/downloads/uploads/{upload.id}/report.{kind}" download>{name}</a>'
        for kind, name in (("html", "This report as a page"), ("json", "This report for programs (JSON)"))
    )
    offered = list(enumerate(mending.get("fixes", []))) if is_open and not is_busy(upload) else []
    listed = Counter(finding["kind"] for finding in findings)
    drawn = "".join(
        _finding(
            finding,
            _pictures(upload.id, finding["cases"], pictures),
            draw_fixes([fix for fix in offered if _settles(fix[1], finding, listed[finding["kind"]])]),
        )
        for finding in findings
    )
    drawn += draw_fixes([fix for fix in offered if listed.keys().isdisjoint(fix[1].get("kinds", ()))])
    remarks = f'<p class="small">{files}</p>{verdict}{_not_used(upload.id, mending)}{drawn}'
    return f"<p>{escape(summary)}</p>{remarks}{_classes(report['classes'])}"


def _not_used(upload_id: int, mending: Mapping[str, Any]) -> str:
    """How much of an upload is left out, or would be, and where that is listed."""
    left_out, bad = mending.get("left_out", 0), mending.get("unusable", 0)
    words = [f"{left_out:,} left out" if left_out else "", f"{bad:,} can't be used" if bad else ""]
    if not left_out and not bad:
        return ""
    listed = f'<a href="/downloads/uploads/{upload_id}/not-used.csv" download>The list of them (CSV)</a>'
    return f"<p>{', '.join(filter(None, words))}. {listed}</p>"


def _finding(finding: Mapping[str, Any], pictures: str = "", fixes: str = "") -> str:
    kind, word = SEVERITIES[finding["severity"]]
    cases = finding["cases"]
    named = "".join(f"<code>{escape(name)}</code> " for name in cases[:CASES_NAMED])
    more = f"and {finding['count'] - CASES_NAMED:,} more" if finding["count"] > CASES_NAMED < len(cases) else ""
    listed = f'<details class="small"><summary>Which ones</summary>{named}{more}</details>' if cases else ""
    return f'<div class="notice {kind}"><b>{word}.</b> {escape(finding["message"])}{pictures}{fixes}{listed}</div>'


def _settles(fix: Mapping[str, Any], finding: Mapping[str, Any], alike: int) -> bool:
    """Where several findings are of one kind, each says by itself what is done about it."""
    return finding["kind"] in fix.get("kinds", ()) and (alike == 1 or fix["text"] in finding["message"])


def _pictures(upload_id: int, cases: Sequence[str], pictures: Mapping[str, Any]) -> str:
    """The first of a finding, small."""
    figures = "".join(_figure(upload_id, case, pictures[case]) for case in cases[:PICTURES_SHOWN] if case in pictures)
    return f'<div class="of-finding">{figures}</div>' if figures else ""


def _figure(upload_id: int, case: str, picture: Mapping[str, Any]) -> str:
    labels, split = ", ".join(picture["labels"]) or "no label", picture["split"] or ""
    return (
        f'<figure title="{escape(case)}"><img src="/uploads/{upload_id}/copies/{escape(picture["shown"])}" '
        f'alt="{escape(case)}" loading="lazy"><figcaption>{escape(labels)}<br>'
        f'<span class="quiet">{escape(split)}</span></figcaption></figure>'
    )


def _classes(classes: Mapping[str, int]) -> str:
    most = max(classes.values(), default=0) or 1
    rows = "".join(
        f'<span>{escape(name)}</span><span class="stack"><i class="of-train" style="width:{100 * count / most:.1f}%">'
        f'</i></span><span class="n">{count:,}</span>'
        for name, count in classes.items()
    )
    return f'<h2 style="margin-top:12px">Cases of each label</h2><div class="histogram">{rows}</div>'
