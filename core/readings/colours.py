"""The colours of readers and classes, told apart by people who see few: Okabe and Ito's palette, and two beside it."""

from __future__ import annotations

ORANGE = "#E69F00"
SKY = "#56B4E9"
GREEN = "#009E73"
BLUE = "#0072B2"
RED = "#D55E00"
PINK = "#CC79A7"
GREY = "#8A8F98"
BROWN = "#9C755F"
