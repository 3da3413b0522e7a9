"""A finished run to take away for a paper or a talk: figures as Plotly draws them, tables, readings, words."""

from __future__ import annotations

import json
from pathlib import Path

import plotly
from fastapi import APIRouter, Request, Response
from fastapi.responses import FileResponse
from plotly.utils import PlotlyJSONEncoder

from app.context import Studio
from app.figures import SIZES, drawings_of, for_print
from app.routes.answers import Number
from app.routes.downloads import Made, sent
from core.errors import CoreError, RunError
from core.readings.latex import as_latex
from core.records import runs, taking
from core.records.access import Who
from core.records.benefits import judged
from core.records.comparison import Comparison

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

        def made(who: Who) -> Made:
            run = runs.run(studio.database, who, run_id)
            drawn = drawn_at(studio, who, run, name, size)
            return f"{run.name} {name} {size}.json", json.dumps(drawn, cls=PlotlyJSONEncoder), run.project_id

        return sent(studio, request, made, "application/json")


def add_tables(routes: APIRouter, studio: Studio) -> None:
    @routes.get("/downloads/runs/{run_id}/tables/{name}.csv")
    def csv(request: Request, run_id: Number, name: str) -> Response:
        """Its differences, figures, labels or confusion in numbers."""

        def made(who: Who) -> Made:
            run = runs.run(studio.database, who, run_id)
            return f"{run.name} {name}.csv", taking.run_table(studio.database, who, run, name).as_csv(), run.project_id

        return sent(studio, request, made, "text/csv")

    @routes.get("/downloads/runs/{run_id}/tables/{name}.tex")
    def latex(request: Request, run_id: Number, name: str) -> Response:
        """The same for a paper, with booktabs."""

        def made(who: Who) -> Made:
            run = runs.run(studio.database, who, run_id)
            return f"{run.name} {name}.tex", as_latex(taking.run_table(studio.database, who, run, name)), run.project_id

        return sent(studio, request, made, "application/x-tex")

    @routes.get("/downloads/runs/{run_id}/readings-{split}.csv")
    def readings(request: Request, run_id: Number, split: str) -> Response:
        """What every reader answered for every case of a split: test or val."""

        def made(who: Who) -> Made:
            run = runs.run(studio.database, who, run_id)
            content = taking.run_readings(studio.database, studio.place, run, split)
            return f"{run.name} readings {split}.csv", content, run.project_id

        return sent(studio, request, made, "text/csv")


def add_words(routes: APIRouter, studio: Studio) -> None:
    @routes.get("/downloads/runs/{run_id}/methods.txt")
    def methods(request: Request, run_id: Number) -> Response:
        """A paragraph for a paper's section on methods."""

        def made(who: Who) -> Made:
            run = runs.run(studio.database, who, run_id)
            text = taking.run_paragraph(studio.database, studio.place, run)
            return f"{run.name} methods.txt", text + "\n", run.project_id

        return sent(studio, request, made, "text/plain")

    @routes.get("/downloads/runs/{run_id}/citations.bib")
    def cited(request: Request, run_id: Number) -> Response:
        """What that paragraph cites."""

        def made(who: Who) -> Made:
            run = runs.run(studio.database, who, run_id)
            return f"{run.name} citations.bib", taking.run_citations(run), run.project_id

        return sent(studio, request, made, "application/x-bibtex")


def drawn_at(studio: Studio, who: Who, run: runs.RunView, name: str, size: str) -> dict[str, object]:
    try:
        rocs = Comparison.open(studio.database, studio.place, who, run.id).rocs()
    except CoreError:  # its readings are elsewhere: all other figures are here
        rocs = {}
    for drawing in drawings_of(run, [answer.benefit for answer in judged(run)], rocs):
        if drawing.name == name and size in SIZES:
            return for_print(drawing, SIZES[size])
    raise RunError(f'“{run.name}” has no figure "{name}" at the size "{size}". Choose another one on the page Runs.')
