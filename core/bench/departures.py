"""Below a table of runs: where they differ from what their method's paper prints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def below_table(departures_of: Mapping[str, Sequence[str]]) -> str:
    """Sentences as Markdown, each with the runs that it is true of where it is not of all; empty without any."""
    sentences = dict.fromkeys(sentence for departures in departures_of.values() for sentence in departures)
    if not sentences:
        return ""
    lines = ["Where the runs differ from the print:", ""]
    for sentence in sentences:
        departing = [run for run, departures in departures_of.items() if sentence in departures]
        whose = "" if len(departing) == len(departures_of) else f" ({'; '.join(departing)})"
        lines.append(f"- {sentence}{whose}")
    return "\n".join(lines) + "\n"
