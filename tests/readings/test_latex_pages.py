"""Tables for papers go through LaTeX itself, whatever people called their labels: a two-column article and a slide."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from core.case import Task
from core.readings.answer import Answer
from core.readings.latex import as_latex
from core.readings.reading import Reading
from core.readings.results import evaluate
from core.readings.tables import Table, tables_of

SET = "a set_1"
HOSTILE = "a_b & 50 % {x} # ~ ^ \\ ä"
LABELS = (
    HOSTILE,
    "[1] Übergang µ ≥ 3",
    "*$\\alpha$",
    "„ß“ é ş ł ő",
    "naïve → \u03b1 ≤ \u0394\u03c3 -- 5",
    "<b>|x|</b>",
    "H₂O · m²",
    "of a very long name that goes on: well differentiated squamous cell carcinoma",
    '`q\' "r" \u2019s',
)
"""Each with an offence of its own."""
ARTICLE = r"""\documentclass[twocolumn]{article}
\usepackage[a4paper,margin=2cm,columnsep=1cm]{geometry}
\usepackage{booktabs,graphicx}
\begin{document}
Words.
%s
\end{document}
"""
SLIDES = r"""\documentclass[aspectratio=169]{beamer}
\usepackage{booktabs,graphicx}
\begin{document}
%s
\end{document}
"""
needs_latex = pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no pdflatex on this machine")


def tables() -> tuple[Table, ...]:
    task = Task(modality="drawn", answers=LABELS)
    readings = [
        Reading(SET, f"case {number}", "test", "", (LABELS[number % len(LABELS)],), reader, answer(number + late))
        for number in range(20)
        for reader, late in (("vitask", 0), ("vanilla_50 %", 1))
    ]
    return tables_of(evaluate(readings, {SET: task}, 10, 0), [], {"vanilla_50 %": HOSTILE})


def answer(place: int) -> Answer:
    return Answer(tuple(0.6 if place % len(LABELS) == label else 0.4 / 9 for label in range(len(LABELS))))


def typeset(folder: Path, text: str) -> str:
    """The log of two passes; a page that can't be made fails."""
    (folder / "page.tex").write_text(text, encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "page.tex"]
    for _ in range(2):
        ended = subprocess.run(command, cwd=folder, capture_output=True, timeout=600, check=False)
        log = ended.stdout.decode("utf-8", "replace")
        assert ended.returncode == 0, log[-3000:]
    return log


@needs_latex
@pytest.mark.parametrize("page", [ARTICLE, SLIDES], ids=["article", "slides"])
def test_every_table_is_typeset_whatever_its_labels_are(tmp_path: Path, page: str) -> None:
    made = tables()
    assert [table.name for table in made] == ["figures", "labels", "confusion"]
    around = "%s" if page is ARTICLE else "\\begin{frame}\n%s\\end{frame}\n"
    log = typeset(tmp_path, page % "\n".join(around % as_latex(table) for table in made))
    assert "Overfull" not in log and "Missing character" not in log and "too large" not in log, log[-3000:]


def test_letters_that_pdflatex_does_not_have_are_told_of_on_top() -> None:
    table = Table("x", "Cells", "n = 1.", ("\u5fc3 label",), (("1",),), ("x",), ((1,),))
    assert (
        as_latex(table).splitlines()[1].startswith("% pdflatex has no letters for \u5fc3: typeset this with lualatex")
    )
    assert "pdflatex" not in as_latex(tables()[0])


def test_why_a_figure_has_no_interval_is_said_once_below_the_title() -> None:
    """In the cell it would make the table wide, and all of it small."""
    reason, other = "(no interval: too few cases of a label)", "(no interval: the same in every case)"
    rows = (("a", f"0.500 {reason}", f"1.000 {other}"), ("b", f"0.250 {reason}", "0.500 [0.400, 0.600]"))
    lines = as_latex(Table("x", "Cells", "n = 9.", ("Reader", "One", "Two"), rows, (), ())).splitlines()
    caption = next(line for line in lines if line.startswith(r"\caption"))
    assert caption == (
        r"\caption{Cells. n = 9. $^{1}$ No interval: too few cases of a label. "
        r"$^{2}$ No interval: the same in every case.}"
    )
    assert r"a & 0.500$^{1}$ & 1.000$^{2}$ \\" in lines and r"b & 0.250$^{1}$ & 0.500 [0.400, 0.600] \\" in lines
    assert any(r"\begin{tabular}{lrr}" in line for line in lines), "figures stay on the right"
