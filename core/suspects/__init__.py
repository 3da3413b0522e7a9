"""Finds the labels that need a second look: evidence from independent sources, and one ranking."""

from core.suspects.search import search
from core.suspects.settings import Settings

__all__ = ["Settings", "search"]
