"""Third-party plugins, really installed in a folder of the test."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent

SPEC = """
def spec(name, **fields):
    parts = {"task": "tabular-classification", "architecture": "mlp", "input": "columns",
             "output": "binary"}
    return zoo.ModelSpec(name=name, **{**parts, **fields})
"""
"""Code at the end of every fake plugin."""


@dataclass
class Guests:
    """A folder that holds installed distributions, as ``site-packages`` does."""

    site: Path
    modules: list[str] = field(default_factory=list)

    @property
    def env(self) -> dict[str, str]:
        """Environment variables with which a process finds them."""
        paths = [str(self.site), os.environ.get("PYTHONPATH", "")]
        return {"PYTHONPATH": os.pathsep.join(path for path in paths if path)}

    def install(
        self,
        code: str = "",
        *,
        name: str = "zoo-guest",
        version: str = "1.2",
        entry: str = "guest = guest",
        files: Mapping[str, str] | None = None,
    ) -> None:
        """Install a distribution: metadata, an entry point, and its modules.

        `code` is the package's ``__init__.py``; `files` are further files or replace it.
        """
        package = entry.partition("=")[2].strip().partition(".")[0]
        self.modules.append(package)
        info = self.site / f"{name.replace('-', '_')}-{version}.dist-info"
        content = {
            f"{info.name}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
            f"{info.name}/entry_points.txt": f"[zoo.plugins]\n{entry}\n",
        }
        if code:
            content[f"{package}/__init__.py"] = f"import zoo\n{dedent(code)}\n{SPEC}"
        for path, text in {**content, **(files or {})}.items():
            target = self.site / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(dedent(text), encoding="utf-8")
