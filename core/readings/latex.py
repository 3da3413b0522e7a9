"""A table for a paper: LaTeX with booktabs, in which whatever people named stands as they wrote it."""

from __future__ import annotations

import re
from dataclasses import replace
from unicodedata import category, name, normalize

from core.readings.tables import Table

SIGNS = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "−": r"$-$",  # noqa: RUF001
    "–": "--",
    "≤": r"$\leq$",
    "≥": r"$\geq$",
    "≈": r"$\approx$",
    "≠": r"$\neq$",
    "±": r"$\pm$",
    "µ": r"$\mu$",
    "×": r"$\times$",
    "÷": r"$\div$",
    "·": r"$\cdot$",
    "°": r"$^{\circ}$",
    "∞": r"$\infty$",
    "→": r"$\rightarrow$",
    "←": r"$\leftarrow$",
    "↔": r"$\leftrightarrow$",
    "↑": r"$\uparrow$",
    "↓": r"$\downarrow$",
    "…": r"\ldots{}",
    "—": "---",
    "„": ",,",
    "‚": ",",  # noqa: RUF001
    "“": "``",
    "”": "''",
    "‘": "`",  # noqa: RUF001
    "’": "'",  # noqa: RUF001
    "`": r"\textasciigrave{}",
    **{sign: f"$^{{{digit}}}$" for digit, sign in enumerate("⁰¹²³⁴⁵⁶⁷⁸⁹")},
    **{sign: f"$_{{{digit}}}$" for digit, sign in enumerate("₀₁₂₃₄₅₆₇₈₉")},
}
GREEK = {"FINAL SIGMA": "varsigma", "OMICRON": "mathrm{o}", "LAMDA": "lambda"}
CAPITALS = ("GAMMA", "DELTA", "THETA", "LAMDA", "XI", "PI", "SIGMA", "UPSILON", "PHI", "PSI", "OMEGA")
"""Of the Greek ones, those that do not look like Latin ones."""
MISSING = "% pdflatex has no letters for {}: typeset this with lualatex or xelatex and a font that has them."
LAST_LATIN = "\u024f"
WIDE_ON_SLIDES = (
    r"\expandafter\ifx\csname table*\endcsname\relax"
    r"\newenvironment{table*}[1][]{\begin{table}}{\end{table}}\fi % beamer has none"
)
HIGHEST = 0.7
"""Of a page's height, or of a slide's: the caption needs its share."""
NARROW = 60
"""As many letters stand in one column of a page that has two, somewhat smaller than the words around them."""
NUMBER = re.compile(r"[<>]?[+\-−–]?[\d.,]*[¹²³⁴-⁹⁰]*( \(.*\)| \[.*\])?")  # noqa: RUF001
"""With its interval, or a dash where there is none; with the mark of a reason."""
REASON = re.compile(r" \((no interval: .*)\)$")
MARKS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def as_latex(table: Table) -> str:
    """Across both columns of a page where it is wide. It needs \\usepackage{booktabs} and, for a wide one, graphicx."""
    table = _reasons_below(table)
    columns = list(zip(table.heads, *table.rows, strict=True))
    is_wide = sum(max(map(len, column)) + 2 for column in columns) > NARROW
    kind, width = ("table*", r"\textwidth") if is_wide else ("table", r"\columnwidth")
    high = rf"{HIGHEST}\textheight"
    texts = [not all(NUMBER.fullmatch(cell) for cell in column[1:]) for column in columns]
    lines = [
        r"% \usepackage[T1]{fontenc} \usepackage{booktabs,graphicx}",
        *([WIDE_ON_SLIDES] if is_wide else []),
        rf"\begin{{{kind}}}[t]",
        r"\centering",
        rf"\caption{{{escaped(table.title)}. {escaped(table.note)}}}",
        rf"\label{{tab:{table.name}}}",
        rf"\resizebox*{{!}}{{\ifdim\totalheight>{high}{high}\else\totalheight\fi}}{{%",
        rf"\resizebox{{\ifdim\width>{width}{width}\else\width\fi}}{{!}}{{%",
        rf"\begin{{tabular}}{{{''.join('l' if is_text else 'r' for is_text in texts)}}}",
        r"\toprule",
        _row(table.heads),
        r"\midrule",
        *map(_row, table.rows),
        r"\bottomrule",
        r"\end{tabular}}}",
        rf"\end{{{kind}}}",
    ]
    missing = sorted({sign for line in lines for sign in line if sign > LAST_LATIN})
    return "\n".join([*lines[:1], *([MISSING.format(" ".join(missing))] if missing else []), *lines[1:]]) + "\n"


def _reasons_below(table: Table) -> Table:
    """Why a figure has no interval is said below the title, once: in a cell it would make the whole table small."""
    cells = [cell for row in table.rows for cell in row]
    reasons = list(dict.fromkeys(match[1] for cell in cells if (match := REASON.search(cell))))
    marks = {reason: str(number).translate(MARKS) for number, reason in enumerate(reasons, 1)}
    rows = tuple(tuple(REASON.sub(lambda match: marks[match[1]], cell) for cell in row) for row in table.rows)
    notes = [table.note, *(f"{mark} {reason[0].upper()}{reason[1:]}." for reason, mark in marks.items())]
    return replace(table, rows=rows, note=" ".join(notes))


def escaped(text: str) -> str:
    """One line, each sign as it is; what only tells how to write, such as the direction, is left out."""
    one_line = " ".join(normalize("NFC", text).split())
    return "".join(map(_sign, (sign for sign in one_line if category(sign) != "Cf")))


def _sign(sign: str) -> str:
    """Greek letters by their names: those of labels are mostly units and grades."""
    family, _, letter = name(sign, "").partition(" LETTER ")
    if family == "GREEK SMALL" and (letter in GREEK or " " not in letter):
        return f"$\\{GREEK.get(letter, letter.lower())}$"
    if family == "GREEK CAPITAL" and letter in CAPITALS:
        return f"$\\{GREEK.get(letter, letter.lower()).title()}$"
    return SIGNS.get(sign, sign)


def _row(cells: tuple[str, ...]) -> str:
    # A row that begins with a bracket or a star would be taken for an argument of the line before.
    return "{}" * cells[0].startswith(("[", "*")) + " & ".join(map(escaped, cells)) + r" \\"
