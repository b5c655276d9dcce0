"""Count the files that five commands pass through.

``python tools/walks.py`` prints, for each command, how many of our files it enters, and how many of
them are on its deepest chain of calls; ``python tools/walks.py train`` also prints the files of one
command, in order. Code that runs during an import is not counted.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import threading
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

ROOT = Path(__file__).parents[1]
OURS = tuple(f"{ROOT}/{room}/" for room in ("zoo", "weights", "cli", "plugins"))
"""Folders whose files are counted."""

ZOO = [sys.executable, "-c", "from zoo_cli.main import main; main()"]

WALKS = {
    "classify": ["classify", str(ROOT / "examples" / "mug.png")],
    "predict": ["predict", "pima", "row.csv"],
    "train": ["train", "mlp-pima", "--epochs", "2", "-o", "again"],
    "generate": ["generate", "letters", "--start", "K", "--steps", "3"],
    "pull": ["weights", "pull", "walked"],
}
BEFORE = (
    ["train", "mlp-pima", "--epochs", "1", "-o", "pima"],
    ["train", "lstm-alphabet-stateful", "--epochs", "1", "-o", "letters"],
)
"""Commands that make the runs a walk needs."""

ROW = """\
pregnancies,glucose,blood_pressure,skin_thickness,insulin,bmi,pedigree,age
6,148,72,35,0,33.6,0.627,50
"""
PLUGIN = """
import zoo

@zoo.hookimpl
def register_models(register):
    register("walked.toml")
"""
SPEC = """
name = "walked"
task = "tabular-classification"
architecture = {{ uses = "tabular/mlp", hidden = [4] }}
input = {{ uses = "tabular/columns", columns = ["x"] }}
output = {{ uses = "tabular/binary", labels = ["no", "yes"] }}
licence = "CC0-1.0"

[[weights]]
tag = "random"
urls = ["{url}/file.weights.h5"]
sha256 = "{sha256}"
licence = "CC0-1.0"
"""


def main() -> None:
    """Print a line for each walk, after its files if it is named on the command line."""
    names = sys.argv[1:]
    with tempfile.TemporaryDirectory() as name, serve(Path(name) / "web") as url:
        folder = Path(name)
        env = prepare(folder, url)
        for walk in names or WALKS:
            report = trace(folder, env, walk)
            if names:
                print(*report["files"], sep="\n")
            print(f"{walk:10}{len(report['files']):3} files, {report['chain']:2} on one chain")


class QuietHandler(SimpleHTTPRequestHandler):
    """Serves files and logs nothing."""

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serve(folder: Path) -> Iterator[str]:
    """Serve a folder with one file; yield its URL."""
    folder.mkdir()
    (folder / "file.weights.h5").write_bytes(b"weights")
    handler = partial(QuietHandler, directory=folder)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def prepare(folder: Path, url: str) -> dict[str, str]:
    """Install a plugin with weights to pull, and make the runs; return the environment for both."""
    package, info = folder / "site" / "walked", folder / "site" / "walked-1.0.dist-info"
    sha256 = hashlib.sha256(b"weights").hexdigest()
    for file, text in {
        package / "__init__.py": PLUGIN,
        package / "walked.toml": SPEC.format(url=url, sha256=sha256),
        info / "METADATA": "Metadata-Version: 2.1\nName: walked\nVersion: 1.0\n",
        info / "entry_points.txt": "[zoo.plugins]\nwalked = walked\n",
        folder / "row.csv": ROW,
    }.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    env = {**os.environ, "ZOO_HOME": str(folder / "home"), "KERAS_BACKEND": "jax"}
    env["PYTHONPATH"] = str(folder / "site")
    for arguments in BEFORE:
        run_command([*ZOO, *arguments], folder, env)
    return env


def trace(folder: Path, env: dict[str, str], walk: str) -> dict[str, Any]:
    """Run a command under `watch` in a process of its own, and return the report."""
    file = folder / f"{walk}.json"
    run_command([sys.executable, __file__, "--watch", str(file), *WALKS[walk]], folder, env)
    report: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return report


def run_command(command: list[str], folder: Path, env: dict[str, str]) -> None:
    """Run a command; exit with its stderr if it fails."""
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)}\n{done.stderr}")


def watch(file: Path, arguments: list[str]) -> None:
    """Run a command and write which of our files it entered, and its longest chain of them."""
    from zoo_cli.main import main as zoo

    files: dict[str, None] = {}
    chains: set[tuple[str, ...]] = set()

    def profile(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and frame.f_code.co_filename.startswith(OURS):
            chain = _chain(frame)
            if chain:
                files.setdefault(chain[-1])
                chains.add(tuple(dict.fromkeys(chain)))

    threading.setprofile(profile)
    sys.setprofile(profile)
    try:
        sys.argv = ["zoo", *arguments]
        zoo()
    except SystemExit as error:
        if error.code:
            raise
    finally:
        sys.setprofile(None)
    report = {"files": list(files), "chain": max(map(len, chains))}
    file.write_text(json.dumps(report), encoding="utf-8")


def _chain(frame: FrameType | None) -> list[str]:
    """Return our files on the stack, outermost first; none while a module is imported."""
    chain = []
    while frame is not None:
        name = frame.f_code.co_filename
        if name.startswith(OURS):
            if frame.f_code.co_name == "<module>":
                return []
            chain.append(name.removeprefix(f"{ROOT}/"))
        frame = frame.f_back
    return chain[::-1]


if __name__ == "__main__":
    if sys.argv[1:2] == ["--watch"]:
        watch(Path(sys.argv[2]), sys.argv[3:])
    else:
        main()
