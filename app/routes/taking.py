"""A finished run to take away for a paper or a talk: figures as Plotly draws them, tables, readings, words."""

from __future__ import annotations

import json
from pathlib import Path

import plotly
from fastapi import APIRouter, Request, Response
from fastapi.responses import FileResponse
from plotly.utils import PlotlyJSONEncoder

from app.context import Studio
from app.figures import SIZES, for_print
from app.routes.answers import Number
from app.routes.downloads import sent_of_run
from app.taken import figures_of
from core.errors import RunError
from core.readings.latex import as_latex
from core.records.access import Who
from core.records.runs import taking
from core.records.runs.runs import RunView

A_DAY = "private, max-age=86400"
LIBRARY = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"


def router(studio: Studio) -> APIRouter:
    routes = APIRouter(tags=["downloads"])
    add_figures(routes, studio)
    add_tables(routes, studio)
    add_words(routes, studio)
    return routes


def add_figures(routes: APIRouter, studio: Studio) -> None:
    """The browser makes pictures of them: a server needs no browser of its own."""

    @routes.get("/plotly.js")
    def library() -> Response:
        """What draws; fetched once somebody takes a figure away."""
        return FileResponse(LIBRARY, media_type="text/javascript", headers={"Cache-Control": A_DAY})

    @routes.get("/downloads/runs/{run_id}/figures/{name}/{size}.json")
    def figure(request: Request, run_id: Number, name: str, size: str) -> Response:
        """A figure with title, n and intervals: data, layout, width and height in CSS pixels, scale of a PNG."""

        def made(who: Who, run: RunView) -> str:
            return json.dumps(drawn_at(studio, who, run, name, size), cls=PlotlyJSONEncoder)

        return sent_of_run(studio, request, run_id, f"{name} {size}.json", made, "application/json")


def add_tables(routes: APIRouter, studio: Studio) -> None:
    @routes.get("/downloads/runs/{run_id}/tables/{name}.csv")
    def csv(request: Request, run_id: Number, name: str) -> Response:
        """Its differences, figures, labels or confusion in numbers."""

        def made(who: Who, run: RunView) -> str:
            return taking.run_table(studio.database, who, run, name).as_csv()

        return sent_of_run(studio, request, run_id, f"{name}.csv", made, "text/csv")

    @routes.get("/downloads/runs/{run_id}/tables/{name}.tex")
    def latex(request: Request, run_id: Number, name: str) -> Response:
        """The same for a paper, with booktabs."""

        def made(who: Who, run: RunView) -> str:
            return as_latex(taking.run_table(studio.database, who, run, name))

        return sent_of_run(studio, request, run_id, f"{name}.tex", made, "application/x-tex")

    @routes.get("/downloads/runs/{run_id}/readings-{split}.csv")
    def readings(request: Request, run_id: Number, split: str) -> Response:
        """What every reader answered for every case of a split: test or val."""

        def made(_who: Who, run: RunView) -> str:
            return taking.run_readings(studio.database, studio.place, run, split)

        return sent_of_run(studio, request, run_id, f"readings {split}.csv", made, "text/csv")


def add_words(routes: APIRouter, studio: Studio) -> None:
    @routes.get("/downloads/runs/{run_id}/methods.txt")
    def methods(request: Request, run_id: Number) -> Response:
        """A paragraph for a paper's section on methods."""

        def made(_who: Who, run: RunView) -> str:
            return taking.run_paragraph(studio.database, studio.place, run) + "\n"

        return sent_of_run(studio, request, run_id, "methods.txt", made, "text/plain")

    @routes.get("/downloads/runs/{run_id}/citations.bib")
    def cited(request: Request, run_id: Number) -> Response:
        """What that paragraph cites."""

        def made(_who: Who, run: RunView) -> str:
            return taking.run_citations(run)

        return sent_of_run(studio, request, run_id, "citations.bib", made, "application/x-bibtex")


def drawn_at(studio: Studio, who: Who, run: RunView, name: str, size: str) -> dict[str, object]:
    for drawing in figures_of(studio.database, studio.place, who, run):
        if drawing.name == name and size in SIZES:
            return for_print(drawing, SIZES[size])
    raise RunError(f'“{run.name}” has no figure "{name}" at the size "{size}". Choose another one on the page Runs.')
