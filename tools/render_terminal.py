#!/usr/bin/env python3
"""Run a few commands and draw what they print: ``python tools/render_terminal.py``.

The picture shows their stdout, complete and unedited. The commands run in an empty folder with the
example image, so no path of this machine is in it.
"""

from __future__ import annotations

import io
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.text import Text

DOCS = Path(__file__).parents[1] / "docs"

COMMANDS = (
    "zoo classify examples/mug.png",
    "zoo classify examples/mug.png --top 3",
    "zoo list 'vgg*'",
    "zoo train mlp-pima --seed 3",
)

FONT = "ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace"
# Rich's own template fetches a font from another host, which a page should not do for a picture.
# The length of every run of text is given, so any monospace font lines up.
FORMAT = f"""\
<svg class="rich-terminal" viewBox="0 0 {{width}} {{height}}" xmlns="http://www.w3.org/2000/svg">
<title>zoo in a terminal</title>
<style>
.{{unique_id}}-matrix {{{{
    font-family: {FONT};
    font-size: {{char_height}}px;
    line-height: {{line_height}}px;
}}}}
.{{unique_id}}-title {{{{ font-family: sans-serif; font-size: 18px; }}}}
{{styles}}
</style>
<defs>
<clipPath id="{{unique_id}}-clip-terminal">
<rect x="0" y="0" width="{{terminal_width}}" height="{{terminal_height}}" />
</clipPath>
{{lines}}
</defs>
{{chrome}}
<g transform="translate({{terminal_x}}, {{terminal_y}})" clip-path="url(#{{unique_id}}-clip-terminal)">
{{backgrounds}}
<g class="{{unique_id}}-matrix">
{{matrix}}
</g>
</g>
</svg>
"""  # noqa: E501  # a line of the SVG


def main() -> None:
    """Write docs/terminal.svg."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "examples").mkdir()
        shutil.copy(DOCS.parent / "examples" / "mug.png", Path(folder) / "examples")
        outputs = [run(command, Path(folder)) for command in COMMANDS]
    lines = [line for output in outputs for line in output.splitlines()]
    width = max(len(line) for line in (*lines, *COMMANDS)) + 2
    console = Console(record=True, width=width, file=io.StringIO(), force_terminal=True)
    for number, (command, output) in enumerate(zip(COMMANDS, outputs, strict=True)):
        console.print(Text.assemble("\n" if number else "", ("$ ", "green"), (command, "bold")))
        console.print(Text(output.rstrip("\n")), no_wrap=True)
    svg = console.export_svg(title="zoo", code_format=FORMAT, unique_id="zoo")
    text = "\n".join(line.rstrip() for line in svg.splitlines())
    (DOCS / "terminal.svg").write_text(text + "\n", encoding="utf-8")


def run(command: str, folder: Path) -> str:
    """Return what a command prints to stdout; exit if it fails."""
    start = [sys.executable, "-c", "from zoo_cli.main import main; main()"]
    done = subprocess.run(
        [*start, *shlex.split(command)[1:]], cwd=folder, capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"{command}\n{done.stderr}")
    return done.stdout


if __name__ == "__main__":
    main()
