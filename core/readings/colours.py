"""The colours of readers and classes, told apart by people who see few: Okabe and Ito's palette, two
beside it, and for simple readers six more (of Paul Tol's muted ones, or as light as these)."""

from __future__ import annotations

ORANGE = "#E69F00"
SKY = "#56B4E9"
GREEN = "#009E73"
BLUE = "#0072B2"
RED = "#D55E00"
PINK = "#CC79A7"
GREY = "#8A8F98"
BROWN = "#9C755F"
OLIVE = "#999933"
TEAL = "#44AA99"
PURPLE = "#AA4499"
SLATE = "#6F7FBF"
SAND = "#C9A66B"
ROSE = "#CC6677"
