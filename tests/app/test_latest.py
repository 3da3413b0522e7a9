"""What is shown never stays behind what was chosen: of events that come while their like is under way, the last is done
after it; and no timer asks about what is chosen before the page is opened."""

from __future__ import annotations

from pathlib import Path

from app.main import create_app
from tests.app.furnished import blocks_of, furnish

SHOWING = {"then", "success", "input", "change", "blur"}
ACTS = {"click", "tick", "load", "upload", "clear", "select", "collapse", "expand", "submit"}
"""Of acts none may be done twice; timers come again; and Gradio would give the first one's `EventData` again."""


def test_every_event_that_shows_what_was_chosen_is_done_to_the_last(tmp_path: Path) -> None:
    app = create_app(furnish(tmp_path).studio.place)
    events = [event for event in blocks_of(app).fns.values() if event.fn is not None and event.targets]
    assert {kind for event in events for _, kind in event.targets} <= SHOWING | ACTS
    shows = [event for event in events if any(kind in SHOWING for _, kind in event.targets)]
    assert len(shows) > 100
    assert [(event.page, event.name) for event in shows if event.trigger_mode != "always_last"] == []


def test_no_timer_asks_about_what_is_chosen_before_the_page_is_opened(tmp_path: Path) -> None:
    """Such a look has nothing to go by but what is usual; ended late, it puts that in the place of what was chosen."""
    blocks = blocks_of(create_app(furnish(tmp_path).studio.place))
    ticked = [
        (event, blocks.blocks[block])
        for event in blocks.fns.values()
        for block, kind in event.targets
        if kind == "tick" and event.inputs
    ]
    assert len(ticked) >= 6
    assert [(event.page, event.name) for event, timer in ticked if timer.active] == []
