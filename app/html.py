"""Small pieces that several pages show, everything given escaped: bars, sizes, remarks, empty places; and scripts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from string import punctuation
from typing import Any

JOINER = "\u2060"
BEGINS_MARKUP = re.compile(r"<(?=[A-Za-z/!?])(?!https?://[^\s<>]+>)|!(?=\[)")
"""A tag, a comment, an instruction; a picture, which would be fetched from anywhere."""
FENCE = re.compile(r"^((?:[ \t>*+.)\d-]|\[[ xX]\])*(?:`{3,}(?=[^`\n]*$)|~{3,})).*$", re.MULTILINE)
"""What a block of code says of its language: of some, drawings are made. It may stand behind a list's boxes to tick."""
BEGINS_DRAWING = re.compile(r"[`~]{3}(?=[ \t]*mermaid)", re.IGNORECASE)
"""Gradio looks for one wherever a paragraph might break off."""
IMPORT = re.compile(r"^import \{[^}]*\} from \"\./([\w-]+\.js)\";\n", re.MULTILINE)
EXPORT = re.compile(r"^export (?=const |let |function )", re.MULTILINE)

NO_INTERVAL = " (no interval: "
"""What begins the reason, in the words of `core/readings`."""


def script_beside(file: str) -> str:
    """The script that lies beside a module, under its name."""
    return Path(file).with_suffix(".js").read_text(encoding="utf-8")


def go_to(address: str) -> str:
    """A script that leads to this address with a component's number at its end, where it has one."""
    return f"(number) => {{ if (number) window.location.href = '{address}' + number; }}"


def script_of(file: Path) -> str:
    """A script and those that it imports from beside it, each once, as one: Gradio makes a function of a text, in which
    there are no modules. So no two of them may use a name at their top."""
    joined: dict[Path, str] = {}

    def join(part: Path) -> None:
        if part not in joined:
            joined[part] = ""  # a place before those that import it
            text = part.read_text(encoding="utf-8")
            for name in IMPORT.findall(text):
                join(part.with_name(name))
            del joined[part]
            joined[part] = EXPORT.sub("", IMPORT.sub("", text))

    join(file)
    return "".join(joined.values())


def component_beside(file: str, name: str | None = None) -> dict[str, Any]:
    """Template, look and behaviour of a `gr.HTML`, in files beside a module, under its name or this one."""
    stem = Path(file).with_name(name or Path(file).stem)
    template, look = (stem.with_suffix(suffix).read_text(encoding="utf-8") for suffix in (".html", ".css"))
    return {
        "html_template": template,
        "css_template": look,
        "js_on_load": script_of(stem.with_suffix(".js")),
        "apply_default_css": False,
    }


def bar(share: float, label: str) -> str:
    """A progress bar from 0 to 1, with words for those who can't see it."""
    percent = 100 * min(1.0, max(0.0, share))
    return (
        f'<div class="bar" role="progressbar" aria-valuemin="0" aria-valuemax="100" aria-valuenow="{percent:.0f}" '
        f'aria-label="{escape(label)}"><i style="width:{percent:.1f}%"></i></div>'
    )


def figure_cell(words: str) -> str:
    """A figure as it stands in a table. Why it has no interval is a sentence, which goes below it and is broken."""
    figure, bracket, why = words.partition(NO_INTERVAL)
    return f"{escape(figure)}<br><small class=quiet>{escape((bracket + why).strip())}</small>" if why else escape(words)


def size(count: int) -> str:
    """Bytes as people say them."""
    amount = float(count)
    for unit in ("bytes", "kB", "MB", "GB"):
        if amount < 1000 or unit == "GB":
            return f"{amount:,.0f} {unit}" if unit == "bytes" or amount >= 100 else f"{amount:.1f} {unit}"
        amount /= 1000
    raise AssertionError


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    head = "".join(f"<th>{escape(cell)}</th>" for cell in heads)
    lines = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><tr>{head}</tr>{lines}</table>"


def as_text(text: str) -> str:
    """For Gradio's own notices, which take whatever they are given for markup."""
    return escape(text, quote=False)


def in_markdown(text: str) -> str:
    """Data that stand in Markdown, shown as they are: as references no sign of them has a meaning there."""
    return "".join(f"&#{ord(sign)};" if sign in punctuation else sign for sign in text)


def written_markdown(text: str) -> str:
    """Markdown that somebody wrote, with neither markup nor pictures nor drawings of theirs: a sign of no width keeps
    apart what would begin one, so that it is read as it was typed."""
    text = BEGINS_DRAWING.sub(lambda begun: begun[0] + JOINER, FENCE.sub(r"\1", text))
    return BEGINS_MARKUP.sub(lambda begun: begun[0] + JOINER, text)


def notice(text: str, kind: str = "") -> str:
    """A remark; kind is `good`, `warn`, `bad` or nothing."""
    role = "alert" if kind == "bad" else "status"
    return f'<div class="notice {kind}" role="{role}">{escape(text)}</div>'


def empty(title: str, text: str) -> str:
    """What a place that has nothing yet says: what to do next."""
    return f'<div class="vt"><div class="empty"><b>{escape(title)}</b>{escape(text)}</div></div>'


def warning(text: str) -> str:
    """What went wrong, in Markdown."""
    return f"⚠ {in_markdown(text)}"
