"""What a browser may do on the studio's pages, and that no template there is made of what people wrote."""

from __future__ import annotations

import re
from html import unescape
from string import punctuation
from typing import cast

import gradio as gr
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from app.context import notice
from app.html import in_markdown
from app.main import create_app
from app.shell import assemble, pages
from core.errors import DataError
from core.records.accounts import people
from tests.app.furnished import Furnished, furnish
from tests.app.hostile import ALL

PASSWORD = "a long password"
SOURCE = re.compile("script-src 'self' 'nonce-([A-Za-z0-9_-]{20,})' 'unsafe-eval'(;|$)")


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Furnished:
    return furnish(tmp_path_factory.mktemp("policy"))


@pytest.fixture(scope="module")
def browser(room: Furnished) -> TestClient:
    database = room.studio.database
    people.add_person(database, "anna", PASSWORD, "admin", room.who.projects)
    token = people.sign_in(database, "anna", PASSWORD, "here")
    app = cast(FastAPI, create_app(room.studio.place))
    headers = {"authorization": f"Bearer {token}"}
    return TestClient(app, base_url="http://127.0.0.1:7860", client=("127.0.0.1", 50000), headers=headers)


@pytest.mark.parametrize("path", [one.PATH for one in pages()])
def test_only_scripts_of_the_studios_own_page_run(browser: TestClient, path: str) -> None:
    answers = [browser.get(path, headers={"accept": "text/html"}) for _ in range(2)]
    nonces = [SOURCE.search(answer.headers["content-security-policy"]) for answer in answers]
    assert all(nonces) and len({found[1] for found in nonces if found}) == 2, "each answer has a nonce of its own"
    for answer, found in zip(answers, nonces, strict=True):
        opened = re.findall("<script[^>]*>", answer.text)
        assert len(opened) > 3 and found is not None
        assert all(f'nonce="{found[1]}"' in one for one in opened)


def test_nothing_is_loaded_from_or_sent_to_elsewhere(browser: TestClient) -> None:
    policy = browser.get("/sign-in").headers["content-security-policy"]
    rules = dict(one.split(" ", 1) for one in policy.split("; "))
    assert rules.pop("default-src") == rules.pop("connect-src") == rules.pop("form-action") == "'self'"
    assert rules.pop("object-src") == rules.pop("frame-src") == "'none'"
    assert rules.pop("frame-ancestors") == "'self'"
    assert not re.search(r"https?:|\*|//", policy)
    assert "'unsafe-inline'" not in rules["script-src"]


@pytest.mark.parametrize("path", ["/images/1/0", "/downloads/versions/1/cases.csv", "/gradio_api/info"])
def test_what_is_no_page_does_nothing_where_it_is_opened_as_one(browser: TestClient, path: str) -> None:
    answer = browser.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-security-policy"].startswith("default-src 'none'; sandbox;")


def test_no_template_has_a_place_for_data(room: Furnished) -> None:
    """Gradio evaluates what Handlebars makes of a template as the text of a JavaScript template literal."""
    found = [block for block in assemble(room.studio).blocks.values() if isinstance(block, gr.HTML)]
    assert len(found) > 30
    for block in found:
        for template in (block.html_template.replace("${value}", ""), block.css_template):
            assert not re.search(r"\{\{|\$\{|`|\\", template), block.elem_id


def test_data_in_markdown_and_in_notices_are_shown_as_they_are() -> None:
    assert unescape(in_markdown(ALL)) == ALL
    assert not set(re.sub(r"&#\d+;", "", in_markdown(ALL))) & set(punctuation)
    assert notice(DataError(ALL)).message == ALL.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
