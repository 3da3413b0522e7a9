"""A table for a paper: LaTeX with booktabs, in which whatever people named stands as they wrote it."""

from __future__ import annotations

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
}
NARROW = 5
"""As many columns stand in one column of a page that has two."""


def as_latex(table: Table) -> str:
    """Across both columns of a page where it is wide. It needs \\usepackage{booktabs} and, for a wide one, graphicx."""
    is_wide = len(table.heads) > NARROW
    kind, width = ("table*", r"\textwidth") if is_wide else ("table", r"\columnwidth")
    texts = [all(_is_text(row[place]) for row in table.rows) for place in range(len(table.heads))]
    lines = [
        r"% \usepackage{booktabs,graphicx}",
        rf"\begin{{{kind}}}[t]",
        r"\centering",
        rf"\caption{{{escaped(table.title)}. {escaped(table.note)}}}",
        rf"\label{{tab:{table.name}}}",
        rf"\resizebox{{\ifdim\width>{width}{width}\else\width\fi}}{{!}}{{%",
        rf"\begin{{tabular}}{{{''.join('l' if is_text else 'r' for is_text in texts)}}}",
        r"\toprule",
        _row(table.heads),
        r"\midrule",
        *map(_row, table.rows),
        r"\bottomrule",
        r"\end{tabular}}",
        rf"\end{{{kind}}}",
    ]
    return "\n".join(lines) + "\n"


def escaped(text: str) -> str:
    """One line, each sign as it is."""
    return "".join(SIGNS.get(sign, sign) for sign in " ".join(text.split()))


def _row(cells: tuple[str, ...]) -> str:
    # A row that begins with a bracket or a star would be taken for an argument of the line before.
    return "{}" * cells[0].startswith(("[", "*")) + " & ".join(map(escaped, cells)) + r" \\"


def _is_text(cell: str) -> bool:
    return not cell[:1].isdigit() and cell[:1] not in "+−–"  # noqa: RUF001
