#!/usr/bin/env python3
"""Run the commands of a page and put their output below them.

    python tools/render_console.py after-training.md

The commands are those after ``$ `` in its ``console`` blocks. They run in order in an empty folder
with the example image and the files that the page shows, so no path of this machine is on the page.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

DOCS = Path(__file__).parents[1] / "docs"
BLOCK = re.compile(r"^```console\n(.*?)^```$", re.DOTALL | re.MULTILINE)
FILE = re.compile(r"^```\w+ (\S+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def main() -> None:
    """Refresh the pages named on the command line."""
    for name in sys.argv[1:]:
        page = DOCS / name
        text = page.read_text(encoding="utf-8")
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "examples").mkdir()
            shutil.copy(DOCS.parent / "examples" / "mug.png", Path(folder) / "examples")
            for file, content in FILE.findall(text):
                (Path(folder) / file).write_text(content, encoding="utf-8")
            page.write_text(BLOCK.sub(lambda match: render_block(match[1], folder), text), "utf-8")


def render_block(text: str, folder: str) -> str:
    """Return a block with each command and what it prints now."""
    lines = []
    for command in re.findall(r"^\$ (.*)$", text, re.MULTILINE):
        lines += [f"$ {command}", *run(command, folder).splitlines()]
    return "\n".join(["```console", *lines, "```"])


def run(command: str, folder: str) -> str:
    """Return what a command prints, stdout and stderr interleaved; exit if it fails."""
    start = [sys.executable, "-c", "from zoo_cli.main import main; main()"]
    done = subprocess.run(
        [*start, *shlex.split(command)[1:]], cwd=folder, text=True, check=False,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    if done.returncode:
        sys.exit(f"{command}\n{done.stdout}")
    return "\n".join(line.rstrip() for line in done.stdout.splitlines())


if __name__ == "__main__":
    main()
