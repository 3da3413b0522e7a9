"""What erasing does, drawn before anybody says yes: what goes for good, and what stays."""

from __future__ import annotations

from html import escape

from core.records.erasing import Erasure

RECEIPT = "That it was erased, when and by whom, stays in the audit log."


def draw_erasure(erasure: Erasure) -> str:
    goes, stays = ("".join(f"<li>{escape(line)}</li>" for line in lines) for lines in (erasure.goes, erasure.stays))
    return (
        f'<div class="vt"><p><b>{escape(erasure.name)}</b></p><div class="halves">'
        f"<div><h2>Goes for good</h2><ul>{goes}</ul></div><div><h2>Stays</h2><ul>{stays}</ul></div></div>"
        f'<p class="quiet">{RECEIPT} Backups that were made before hold it still.</p></div>'
    )
