"""What a person may be in a studio, and what each of these may do. Knows no database: the command line asks it too."""

from __future__ import annotations

ROLES = ("admin", "researcher", "reviewer", "reader")
MAY = {
    "look": ROLES,
    "review": ("reviewer", "researcher", "admin"),
    "work": ("researcher", "admin"),
    "manage": ("admin",),
}
