"""How the studio looks: colours (Okabe and Ito's, told apart by colour-blind people), type, and the pages' CSS."""

from __future__ import annotations

from pathlib import Path

import gradio as gr
from gradio.themes.utils.colors import Color

FOLDER = Path(__file__).parent
CSS = FOLDER / "studio.css"
SIGN_IN_CSS = FOLDER / "sign-in.css"
FONT = ("ui-sans-serif", "system-ui", "-apple-system", "Segoe UI", "Roboto", "Noto Sans", "sans-serif")
MONO = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "Liberation Mono", "monospace")
BLUE = Color(
    "#eef6fb",
    "#d6eaf6",
    "#add5ec",
    "#7dbbe0",
    "#3f9bd0",
    "#0072b2",
    "#006399",
    "#00517d",
    "#003f61",
    "#002d46",
    "#00213a",
)
START = FOLDER / "start.js"
"""Runs when a page opens."""


def theme() -> gr.themes.Base:
    """Nothing is loaded from elsewhere: the studio works without a network."""
    return gr.themes.Base(
        primary_hue=BLUE,
        secondary_hue=BLUE,
        neutral_hue="slate",
        text_size="md",
        spacing_size="sm",
        radius_size="md",
        font=FONT,
        font_mono=MONO,
    ).set(
        body_background_fill="#f6f8fa",
        body_background_fill_dark="#11161d",
        block_background_fill="white",
        block_background_fill_dark="#1a212b",
        block_border_width="1px",
        block_border_color="#dde3ea",
        block_border_color_dark="#2c3644",
        block_label_text_weight="600",
        block_title_text_weight="600",
        button_primary_background_fill="*primary_500",
        button_primary_background_fill_hover="*primary_600",
        button_primary_background_fill_dark="*primary_500",
        button_primary_background_fill_hover_dark="*primary_400",
        button_primary_text_color="white",
        button_primary_text_color_dark="white",
        input_background_fill="white",
        input_background_fill_dark="#11161d",
        input_border_width="1px",
        input_border_width_dark="1px",
        input_border_color="#b6c0cc",
        input_border_color_dark="#465468",
        body_text_color_subdued="#566273",
        body_text_color_subdued_dark="#9fb0c3",
        block_info_text_color="#566273",
        block_info_text_color_dark="#9fb0c3",
        link_text_color="*primary_600",
        link_text_color_dark="*primary_300",
    )
