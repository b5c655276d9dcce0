"""Draw the rooms of ``zoo/`` from the code: their layers, what is in each, and who calls whom.

``python tools/generate_docs.py`` writes the picture to docs/rooms.svg. Layers come from the import
contract in pyproject.toml, sentences from the first line of each room, arrows from the imports.
There is no arrow for a call that a path of arrows already implies, and none to the helpers.
"""

from __future__ import annotations

import ast
import re
import textwrap
import tomllib
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

import grimp

ROOT = Path(__file__).parents[1]
WIDTH, HEIGHT, GAP, ACROSS = 244, 62, 34, 36
"""Size of a box, and the vertical and horizontal gaps between boxes, in pixels."""
LETTERS = 38
"""Letters per line in a box."""
HELPERS = ("cache", "config", "errors", "files", "numeric", "progress")
"""Rooms that every other room may call; no arrows lead to them."""


def contracts() -> list[dict[str, Any]]:
    """Return the import contracts of pyproject.toml."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    rules: list[dict[str, Any]] = settings["tool"]["importlinter"]["contracts"]
    return rules


def layers() -> list[list[str]]:
    """Return the rooms inside ``zoo``, from the top layer down."""
    (contract,) = (rule for rule in contracts() if rule.get("containers") == ["zoo"])
    return [re.split(r" *\| *", layer) for layer in contract["layers"]]


def calls() -> dict[str, set[str]]:
    """Return the rooms that each room imports; `zoo` itself, which imports all, is left out."""
    graph = grimp.build_graph("zoo", cache_dir=None)
    imports: dict[str, set[str]] = {room: set() for layer in layers() for room in layer}
    for module in graph.modules - {"zoo"}:
        room = module.split(".")[1]
        modules = graph.find_modules_directly_imported_by(module) - {"zoo"}
        imports[room] |= {name.split(".")[1] for name in modules} - {room}
    return imports


def arrows(graph: dict[str, set[str]]) -> Iterator[tuple[str, str]]:
    """Yield the calls that no longer path implies."""

    def reachable(room: str) -> set[str]:
        return graph[room].union(*map(reachable, graph[room]))

    for room, below in graph.items():
        for other in sorted(below - set().union(*map(reachable, below))):
            yield room, other


def sentence(room: str) -> str:
    """Return the first line of a room's docstring."""
    folder = ROOT / "zoo" / room
    file = folder / "__init__.py" if folder.is_dir() else folder.with_suffix(".py")
    doc = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
    return doc.partition("\n")[0].replace("``", "").removesuffix(".")


def draw() -> str:
    """Return the picture as SVG."""
    rows = layers()
    columns = max(map(len, rows))
    wide, high = columns * (WIDTH + ACROSS) + ACROSS, len(rows) * (HEIGHT + GAP) + GAP
    places = {}
    for number, row in enumerate(rows):
        left = (wide - len(row) * (WIDTH + ACROSS) + ACROSS) / 2
        for place, room in enumerate(row):
            places[room] = (left + place * (WIDTH + ACROSS), GAP + number * (HEIGHT + GAP))
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {high}" width="{wide}" '
        'font-family="sans-serif" font-size="11">',
        '<rect width="100%" height="100%" fill="white"/>',
        '<marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" '
        'orient="auto"><path d="M0 0 8 4 0 8z" fill="#666"/></marker>',
    ]
    lines += [
        _arrow(places[room], places[other])
        for room, other in arrows(calls())
        if other not in HELPERS
    ]
    for room, (x, y) in places.items():
        lines.append(
            f'<rect x="{x:g}" y="{y:g}" width="{WIDTH}" height="{HEIGHT}" rx="6" fill="#eef3f8" '
            'stroke="#4477aa"/>'
        )
        folder = "/" if (ROOT / "zoo" / room).is_dir() else ".py"
        name = f'<tspan font-weight="bold" font-size="14">{room}{folder}</tspan>'
        lines.append(f'<text x="{x + 10:g}" y="{y + 19:g}">{name}</text>')
        for number, line in enumerate(textwrap.wrap(sentence(room), LETTERS)[:3]):
            lines.append(f'<text x="{x + 10:g}" y="{y + 33 + 12 * number:g}">{escape(line)}</text>')
    return "\n".join([*lines, "</svg>"]) + "\n"


def _arrow(start: tuple[float, float], end: tuple[float, float]) -> str:
    """Return an arrow from a box to a lower one, around the boxes between."""
    x, y, to_x, to_y = start[0] + WIDTH / 2, start[1] + HEIGHT, end[0] + WIDTH / 2, end[1]
    steps = round((to_y - y - GAP) / (HEIGHT + GAP))
    if not steps:
        path = f"M{x:g} {y:g}L{to_x:g} {to_y:g}"
    else:
        side = start[0] - 8 - 10 * steps if x <= to_x else start[0] + WIDTH + 8 + 10 * steps
        path = f"M{x:g} {y:g}C{side:g} {y + GAP:g} {side:g} {to_y - GAP:g} {to_x:g} {to_y:g}"
    return f'<path d="{path}" fill="none" stroke="#666" marker-end="url(#tip)"/>'
