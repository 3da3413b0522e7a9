"""Makes core/deid/profile.tsv from part 15 of the DICOM standard as it is published (DocBook XML).

`python .ci/deid_table.py part15.xml 2026d` prints the table; nothing is fetched. What the table in the repository was
made of instead says its first lines.
"""

import re
import sys
from pathlib import Path
from xml.etree import ElementTree

DOCBOOK = "{http://docbook.org/ns/docbook}"
XML_ID = "{http://www.w3.org/XML/1998/namespace}id"
COLUMNS = (
    "tag name basic safe_private uids device institution patient full_dates modified_dates descriptors structured "
    "graphics"
).split()
FIRST_CODE = 4
"""Before the codes stand name, tag, whether it is retired, and whether a standard object has it."""


def table_lines(content: str, edition: str) -> list[str]:
    """The rows of Table E.1-1, a line each, under a header."""
    root = ElementTree.fromstring(content)
    table = next(each for each in root.iter(f"{DOCBOOK}table") if each.get(XML_ID) == "table_E.1-1")
    lines = [f"# PS3.15 Table E.1-1, edition {edition}, from its DocBook", "\t".join([*COLUMNS, "derived"])]
    for row in table.iter(f"{DOCBOOK}tr"):
        cells = [" ".join("".join(cell.itertext()).split()) for cell in row.iter(f"{DOCBOOK}td")]
        if cells and (tag := _plain_tag(cells[1])):
            codes = [cell.replace("\u200b", "") for cell in cells[FIRST_CODE:]]
            lines.append("\t".join([tag, cells[0], *codes, ""]))
    return lines


def _plain_tag(cell: str) -> str:
    """Eight digits, of which some may be x; "private" for all of odd groups; nothing where there is no tag."""
    if "odd" in cell.lower():
        return "private"
    match = re.fullmatch(r"\(([0-9A-Fa-fxX]{4}),([0-9A-Fa-fxX]{4})\)", cell.replace("\u200b", ""))
    return (match[1] + match[2]).lower() if match else ""


if __name__ == "__main__":
    sys.stdout.write("\n".join(table_lines(Path(sys.argv[1]).read_text(encoding="utf-8"), sys.argv[2])) + "\n")
