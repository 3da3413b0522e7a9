"""Another person's results and numbers look like what is not there; other sites and odd hosts get nothing."""

from __future__ import annotations

import json

import pytest

from app.context import is_local
from tests.app.test_gate import Rooms
from tests.app.test_gate import rooms as rooms

MISSING = 99_999


def test_what_is_missing_and_what_is_foreign_answer_alike(rooms: Rooms) -> None:
    browser = rooms.browser(rooms.token("stranger"))
    own, run, review = rooms.furnished.version_id, rooms.furnished.run_id, rooms.review
    for address, foreign in (
        ("/images/{}/0", own),
        ("/images/{}/0?size=thumb", own),
        ("/downloads/versions/{}/cases.csv", own),
        ("/downloads/runs/{}/run.yaml", run),
        ("/downloads/runs/{}/metrics.json", run),
        ("/downloads/jobs/{}/log.txt", 1),
        ("/downloads/exports/{}.zip", 1),
        ("/downloads/reviews/{}/csv", review),
        ("/reviews/{}/cases", review),
        ("/reviews/{}/cases/2/group", review),
        ("/boxes/{}/0", own),
        ("/downloads/versions/{}/left-out.csv", own),
        ("/downloads/uploads/{}/not-used.csv", 1),
        ("/uploads/{}/copies/" + "0" * 64, 1),
    ):
        theirs, none = (browser.get(address.format(number)) for number in (foreign, MISSING))
        assert (theirs.status_code, theirs.text) == (none.status_code, none.text) and none.status_code == 404, address
    for name, foreign in (
        ("versions", 1),
        ("run", run),
        ("review_progress", review),
        ("upload_report", 1),
        ("corrected_boxes", 1),
        ("stop", run),
    ):
        theirs, none = (
            browser.post(f"/gradio_api/run/{name}", json={"data": [number]}) for number in (foreign, MISSING)
        )
        assert (theirs.status_code, theirs.text) == (none.status_code, none.text) and none.status_code == 422, name


def test_an_events_result_is_for_the_person_who_asked(rooms: Rooms) -> None:
    with rooms.browser(rooms.token("anna")) as anna:
        stranger = rooms.browser(rooms.token("stranger"))
        body = {"data": [], "session_hash": "known"}
        event = anna.post("/gradio_api/call/image_sets", json=body).json()["event_id"]
        for address in (f"/gradio_api/call/image_sets/{event}", f"/gradio_api/call/v2/image_sets/{event}"):
            theirs = stranger.get(address)
            assert (theirs.status_code, theirs.text) == (404, stranger.get(f"{address}x").text)
        cancelled = stranger.post(
            "/gradio_api/cancel", json={"session_hash": "known", "fn_index": 0, "event_id": event}
        )
        assert cancelled.status_code == 422
        assert "Panes" in anna.get(f"/gradio_api/call/image_sets/{event}").text
    assert all(name.startswith(tuple("0123456789")) for name in rooms.blocks.state_holder.session_data)


@pytest.mark.parametrize(
    "host", ["127.0.0.1:7860@evil.example", "[::1]evil.example", "localhost:evil", "127.0.0.1:1:2", "a b"]
)
def test_a_host_that_can_be_read_in_two_ways_is_refused(rooms: Rooms, host: str) -> None:
    assert rooms.browser(rooms.token("anna")).get("/health", headers={"host": host}).status_code == 400
    assert not is_local({"host": host}, "127.0.0.1"), "nor by whoever asks without the gate"


def test_a_request_to_two_hosts_is_refused(rooms: Rooms) -> None:
    own = ("host", "127.0.0.1:7860")
    for hosts in ([own, ("host", "evil.example")], [own, own]):
        assert rooms.browser(rooms.token("anna")).get("/health", headers=hosts).status_code == 400


def test_no_other_port_or_site_reads_answers_in_a_persons_name(rooms: Rooms) -> None:
    browser = rooms.browser(rooms.token("anna"))
    for origin in ("http://127.0.0.1:8888", "http://localhost:7860", "https://evil.example", "null"):
        for answer in (
            browser.get("/config", headers={"origin": origin}),
            browser.options("/config", headers={"origin": origin, "access-control-request-method": "GET"}),
        ):
            assert not [name for name in answer.headers if name.startswith("access-control-allow-")] or (
                "access-control-allow-origin" not in answer.headers
                and "access-control-allow-credentials" not in answer.headers
            ), json.dumps(dict(answer.headers))
