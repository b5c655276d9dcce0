"""Time of commands that need no model, divided by that of ``python -c "import click"``.

Measured twice: with the plugins installed here, and with fifty more, five of which import torch at
the top of their module.
"""

from __future__ import annotations

import importlib.util
import sys
import tempfile
from pathlib import Path

from measure import ZOO, Ratio, report, side_by_side

CALLS = {
    "zoo --help": ["--help"],
    "zoo list": ["list"],
    "zoo show vgg16": ["show", "vgg16"],
}
PEER = 'python -c "import click"'
GUESTS, HEAVY = 50, 5

PLUGIN = """
import zoo

@zoo.hookimpl
def register_models(register):
    register(zoo.ModelSpec(
        name="{name}-model", task="tabular-classification", architecture="{module}.net:build",
        input="columns", output="binary", summary="a model that is never built",
    ))
"""


def install(site: Path) -> None:
    """Install the fifty, each with metadata, an entry point and a package, as pip does."""
    for number in range(GUESTS):
        name, module = f"guest-{number}", f"guest_{number}"
        code = PLUGIN.format(name=name, module=module)
        files = {
            f"{module}-1.0.dist-info/METADATA": (
                f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
            ),
            f"{module}-1.0.dist-info/entry_points.txt": f"[zoo.plugins]\n{name} = {module}\n",
            f"{module}/__init__.py": ("import torch\n" if number < HEAVY else "") + code,
            f"{module}/net.py": "def build(input_shape, units): ...\n",
        }
        for path, text in files.items():
            (site / path).parent.mkdir(parents=True, exist_ok=True)
            (site / path).write_text(text, encoding="utf-8")


def compare(title: str, site: str | None = None) -> list[Ratio]:
    """Return a ratio for each command; `site` is an additional folder to import from."""
    start = f"import sys; sys.path.append({site!r}); " if site else ""
    zoo = [*ZOO[:2], start + ZOO[2]]
    commands = {name: [*zoo, *arguments] for name, arguments in CALLS.items()}
    medians = side_by_side({PEER: [sys.executable, "-c", "import click"], **commands}, times=15)
    return [Ratio(f"{name}, {title}", PEER, medians[name] / medians[PEER], 4.0) for name in CALLS]


def compare_versions() -> list[Ratio]:
    """Return the ratio of ``--version`` to that of another command with plugins."""
    if importlib.util.find_spec("llm") is None:
        return []
    llm = [sys.executable, "-m", "llm", "--version"]
    medians = side_by_side({"zoo": [*ZOO, "--version"], "llm": llm}, times=15)
    return [Ratio("zoo --version", "llm --version", medians["zoo"] / medians["llm"])]


def main() -> None:
    """Print the ratios."""
    ratios = compare("plugins installed here")
    with tempfile.TemporaryDirectory() as folder:
        install(Path(folder))
        title = f"{GUESTS} more plugins, {HEAVY} of them importing torch"
        report(*ratios, *compare(title, folder), *compare_versions())


if __name__ == "__main__":
    main()
