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
from zoo.cache import exposed
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
    """Return what ``zoo doctor`` prints; each backend is probed in its own process."""
    hints: list[str] = []
    try:
        chosen, settings = chosen_backend(), config.as_dict()
    except UsageError as error:
        chosen, settings = None, {}
        hints.append(str(error))
    installed = installed_backends()
    probes = {name: _start_probe(name) for name in installed}  # all at once; read below
    backends = []
    for name in BACKENDS:
        devices, problem = _read_probe(probes[name]) if name in probes else ([], "")
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
    configured = os.environ.get("KERAS_BACKEND") or settings.get("backend")
    if config.plain():
        hints.append("ZOO_PLAIN is set: every fast path is off")
    elif not keras_private.fast_paths_allowed():
        tested = ".".join(map(str, keras_private.TESTED))
        hints.append(f"Keras is newer than {tested}, the last one tested: every fast path is off")
    elif "openvino" in installed and not configured:
        hints.append("images are classified by openvino; choose another with --backend NAME")
    if reason := exposed(config.home("cache") / "kept"):
        hints.append(f"no compiled program is kept or read: {reason}")
    for extra, package in (("plot", "matplotlib"),):
        if _version(package) is None:
            hints.append(f"to draw curves: pip install 'keras-zoo[{extra}]'")
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


def _start_probe(backend: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "KERAS_BACKEND": backend, "ZOO_PLUGINS": "", "ZOO_PLAIN": ""}
    return subprocess.Popen(
        [sys.executable, "-c", _PROBE, backend],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _read_probe(process: subprocess.Popen[str]) -> tuple[list[str], str]:
    try:
        out, err = process.communicate(timeout=120)
        return json.loads(out.splitlines()[-1]), ""
    except (IndexError, ValueError):
        return [], "did not start: " + (err.strip().splitlines() or ["no reason given"])[-1]
    except subprocess.TimeoutExpired:
        process.kill()
        return [], "did not answer within 120 seconds"
