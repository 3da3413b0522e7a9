"""What is kept of each open page: the values and the changed parts of it, and no second copy of every page's plan.

Gradio keeps the plan of all pages with each session, about 1 MB, for links that hold a page's whole state. There are no
such links here (the door has none).
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import gradio as gr
from gradio.routes import App
from gradio.state_holder import SessionState, StateHolder

MOST = 500
"""Sessions that are kept; those used longest ago go first. One is a page in a browser's tab."""


class Sessions(StateHolder):
    """Gradio's, with lighter sessions."""

    def __getitem__(self, session_id: str) -> SessionState:
        if session_id not in self.session_data:
            self.session_data[session_id] = light(self.blocks)
        return super().__getitem__(session_id)


class Unwritten(dict[int, dict[str, Any]]):
    """A plan of the page that is always there and never written down."""

    def __contains__(self, key: object) -> bool:
        return True

    def __getitem__(self, key: int) -> dict[str, Any]:
        return {}

    def __setitem__(self, key: int, value: dict[str, Any]) -> None:
        pass


def light(blocks: gr.Blocks) -> SessionState:
    session = SessionState(cast(gr.Blocks, SimpleNamespace(default_config=blocks.default_config, blocks=())))
    session.config_values = Unwritten()
    return session


def keep_few(app: App, blocks: gr.Blocks) -> None:
    """Has Gradio's app hold its sessions so."""
    blocks.state_session_capacity = MOST
    app.state_holder = Sessions()  # type: ignore[no-untyped-call]
    app.state_holder.set_blocks(blocks)
