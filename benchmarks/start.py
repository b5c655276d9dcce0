"""How long zoo takes to answer without a model, in units of ``python -c "import click"``."""

from __future__ import annotations

import sys

from measure import ZOO, machine, side_by_side

ANSWERS = {
    "zoo --help": ["--help"],
    "zoo list": ["list"],
    "zoo show vgg16": ["show", "vgg16"],
}


def main() -> None:
    """Print a ratio for each answer."""
    commands = {name: [*ZOO, *arguments] for name, arguments in ANSWERS.items()}
    peer = 'python -c "import click"'
    medians = side_by_side({peer: [sys.executable, "-c", "import click"], **commands}, times=15)
    print(machine())
    for name in ANSWERS:
        print(f"{name:16} {medians[name] / medians[peer]:.2f} x {peer}")


if __name__ == "__main__":
    main()
