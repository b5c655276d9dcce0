"""What this installation can do: backends, devices, folders, plugins, and what is missing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from zoo import config
from zoo.backend import keras_private
from zoo.backend.choose import BACKENDS, chosen_backend, installed_backends
from zoo.errors import UsageError
from zoo.registry.registry import registry

_PROBE = """
import json, sys
from zoo.backend import choose
choose.request(sys.argv[1])
choose.keras()
print(json.dumps(choose.devices()))
"""


def examine() -> dict[str, Any]:
    """Return what ``zoo doctor`` prints; each backend is asked in a process of its own."""
    hints: list[str] = []
    try:
        chosen, settings = chosen_backend(), config.as_dict()
    except UsageError as error:
        chosen, settings = None, {}
        hints.append(str(error))
    installed = installed_backends()
    asked = {name: _ask(name) for name in installed}  # all at once, the answers are read below
    backends = []
    for name in BACKENDS:
        devices, problem = _answer(asked[name]) if name in asked else ([], "")
        install = f"install with: pip install 'keras-zoo[{name}]'"
        backends.append(
            {
                "name": name,
                "version": _version(name),
                "chosen": name == chosen,
                "devices": devices,
                "hint": problem if name in installed else install,
            }
        )
    told = os.environ.get("KERAS_BACKEND") or settings.get("backend")
    if config.plain():
        hints.append("ZOO_PLAIN is set: no fast path is taken")
    elif not keras_private.fast():
        tested = ".".join(map(str, keras_private.TESTED))
        hints.append(f"Keras is newer than {tested}, the last one tested: no fast path is taken")
    elif "openvino" in installed and not told:
        hints.append("pictures are classified by openvino; --backend NAME takes another")
    for extra, package in (("plot", "matplotlib"),):
        if _version(package) is None:
            hints.append(f"curves are drawn with: pip install 'keras-zoo[{extra}]'")
    return {
        "zoo": _version("keras-zoo"),
        "python": sys.version.split()[0],
        "keras": _version("keras"),
        "backends": backends,
        "settings": settings,
        "plugins": plugin_records(),
        "problems": [problem.to_dict() for problem in registry().problems],
        "hints": hints,
    }


def plugin_records() -> list[dict[str, Any]]:
    """Return a record for each plugin in use."""
    reg = registry()
    return [
        {
            "plugin": plugin.name,
            "package": plugin.distribution,
            "version": plugin.version,
            "module": plugin.module,
            "models": sum(entry.owner == plugin for entry in reg.models),
        }
        for plugin in reg.plugins
    ]


def _version(package: str) -> str | None:
    """Return the version of an installed package; TensorFlow comes under two names."""
    for name in (package, f"{package}-cpu"):
        try:
            return version(name)
        except PackageNotFoundError:
            continue
    return None


def _ask(backend: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "KERAS_BACKEND": backend, "ZOO_PLUGINS": "", "ZOO_PLAIN": ""}
    return subprocess.Popen(
        [sys.executable, "-c", _PROBE, backend],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _answer(process: subprocess.Popen[str]) -> tuple[list[str], str]:
    try:
        out, err = process.communicate(timeout=120)
        return json.loads(out.splitlines()[-1]), ""
    except (IndexError, ValueError):
        return [], "does not start: " + (err.strip().splitlines() or ["no reason given"])[-1]
    except subprocess.TimeoutExpired:
        process.kill()
        return [], "does not answer within 120 seconds"
