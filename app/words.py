"""Numbers and states in the words of the pages."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from html import escape
from itertools import groupby

from core.readings.reader import Group, Reader, in_groups
from core.records.tables import now

STATES = {
    "waiting": "waiting",
    "running": "running",
    "stopped": "stopped, can be resumed",
    "cancelled": "cancelled",
    "done": "finished",
    "failed": "failed",
}
COLOURS = {"running": "#0072B2", "done": "#009E73", "failed": "#D55E00", "waiting": "#8A8F98", "stopped": "#E69F00"}
GROUP_TITLES: Mapping[Group, str] = {
    "simple": "Simple: no VLM is tuned",
    "untuned": "The VLM as it came",
    "tuned": "The VLM, tuned",
}
CURVES = {"loss": "Loss", "val": "Validation", "meter": "Meter"}
FIGURE_TITLES = {
    "macro_f1": "macro F1",
    "auroc": "AUROC",
    "auprc": "AUPRC",
    "brier": "Brier score",
    "memory_gib": "memory, GiB",
    "learning_share": "learning rate, share of the highest",
    "paired_share": "cases with a partner, share",
}


def lasting(seconds: float | None) -> str:
    """`4 min`, `2 h 5 min`; a dash where it is not known."""
    if seconds is None:
        return "–"
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def ago(moment: datetime | None) -> str:
    if moment is None:
        return "–"
    seconds = (now() - moment).total_seconds()
    return "just now" if seconds < 60 else f"{lasting(seconds)} ago"


def browser_words(agent: str) -> str:
    """What a browser calls itself, as people call it: "Firefox on Linux"."""
    names = (("Edg", "Edge"), ("OPR", "Opera"), ("Firefox", "Firefox"), ("Chrom", "Chrome"), ("Safari", "Safari"))
    systems = (
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Windows", "Windows"),
        ("Mac OS", "macOS"),
        ("Linux", "Linux"),
    )
    name = next((title for sign, title in names if sign in agent), "")
    system = next((title for sign, title in systems if sign in agent), "")
    if name:
        return f"{name} on {system}" if system else name
    return agent.partition("/")[0][:40] or "not told"


def chip(state: str, wish: str = "") -> str:
    """A state as a small coloured mark, never by colour alone."""
    text = {"stop": "stopping …", "cancel": "cancelling …"}.get(wish) if state == "running" else None
    colour = COLOURS.get(state, "#8A8F98")
    return (
        f'<span class="state" style="border:1px solid {colour};border-left:6px solid {colour};border-radius:4px;'
        f'padding:1px 7px">{escape(text or STATES.get(state, state))}</span>'
    )


def curve_title(name: str) -> str:
    """`val/macro_f1` is "Validation: macro F1"."""
    kind, _, own = name.partition("/")
    return f"{CURVES[kind]}: {figure_title(own)}" if kind in CURVES else name


def figure_title(name: str) -> str:
    """A figure's or a meter's name as people write it: "macro_f1 of vitask" is "macro F1 of vitask"."""
    figure, of, reader = name.partition(" of ")
    return FIGURE_TITLES.get(figure, figure.replace("_", " ")) + of + reader


def reader_name(reader: Reader) -> str:
    """A reader in plain words with its short name small beside it, and on hover what it is."""
    about = f' title="{escape(reader.about)}"' if reader.about else ""
    dot = f'<i class="dot-of" style="background:{escape(reader.colour)}" aria-hidden="true"></i>'
    return f'{dot}<span{about}>{escape(reader.title)}</span> <small class="quiet">{escape(reader.name)}</small>'


def reader_choice(reader: Reader) -> str:
    """A reader where one is chosen: plain words, then the short name."""
    return f"{reader.title} ({reader.name})"


def grouped_rows(readers: Iterable[Reader], columns: int, row_of: Callable[[Reader], str]) -> str:
    """Rows of a table, a body a group under its title: of simple readers, of the VLM untuned, of the VLM tuned."""
    bodies = []
    for group, members in groupby(in_groups(readers), key=lambda reader: reader.group):
        title = f'<tr class="group"><th colspan="{columns}" scope="rowgroup">{GROUP_TITLES[group]}</th></tr>'
        bodies.append(f"<tbody>{title}{''.join(map(row_of, members))}</tbody>")
    return "".join(bodies)
