"""What people see: `zoo` in a real terminal of a given width, and the table of `zoo list`."""

from __future__ import annotations

import contextlib
import os
import re
import struct
import subprocess
import sys
from pathlib import Path

TABLE = re.compile(r"^  (\S+)", re.MULTILINE)
"""A name in the table of `zoo list`; tasks are not indented."""

RUN = [sys.executable, "-c", "from zoo_cli.main import main; main()"]
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def listed_names(table: str) -> list[str]:
    """Return the names in the table that `zoo list` prints, without its head."""
    return TABLE.findall(table)[1:]


def run_in_terminal(columns: int, *arguments: str | Path, cwd: Path) -> tuple[int, str]:
    """Run a command; return its exit status and what the terminal received, without colours."""
    import fcntl
    import pty
    import termios

    terminal, inner = pty.openpty()
    fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    environment = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    process = subprocess.Popen(
        [*RUN, *map(str, arguments)], cwd=cwd, env={**environment, "TERM": "xterm-256color"},
        stdin=inner, stdout=inner, stderr=inner,
    )  # fmt: skip
    os.close(inner)
    received = b""
    with contextlib.suppress(OSError):  # Linux's end of a terminal
        while part := os.read(terminal, 65536):
            received += part
    os.close(terminal)
    return process.wait(), ESCAPES.sub("", received.decode()).replace("\r\n", "\n")
