"""Folders of runs and tunings: which one to write to, and for one process at a time."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager, suppress
from os import PathLike
from pathlib import Path

from zoo.errors import UsageError
from zoo.inference.base import BUNDLE
from zoo.runs.run import CHECKPOINT, ENVIRONMENT, MEMBER, is_complete
from zoo_weights.files import make_folder

RUN_FILES = frozenset({CHECKPOINT, BUNDLE, ENVIRONMENT, "fold-1", MEMBER})
"""Names by which a run is known, however early it was killed."""


@contextmanager
def run_folder(name: str, output: str | PathLike[str] | None, *, resume: bool) -> Iterator[Path]:
    """Yield the folder of a new run, or of the run to resume; other processes are kept out.

    Parameters
    ----------
    name
        Name of the model.
    output
        The folder; ``runs/NAME/TIME`` under the current folder if not given.
    resume
        Whether the folder may hold an earlier run; without `output` it is the last unfinished one.

    Raises
    ------
    UsageError
        If the folder holds something else, or another process is writing to it.
    """
    runs = Path("runs") / name
    path = Path(output) if output is not None else _last_unfinished(runs) if resume else None
    with fresh_folder(runs) if path is None else own_folder(path, "run", RUN_FILES, resume) as path:
        yield path


def _last_unfinished(runs: Path) -> Path | None:
    unfinished = [path.parent for path in runs.glob(f"*/{CHECKPOINT}")]
    unfinished += [path.parent for path in runs.glob(f"*/{MEMBER}") if not is_complete(path.parent)]
    return max(unfinished, key=lambda path: path.stat().st_mtime, default=None)


@contextmanager
def own_folder(path: Path, what: str, files: Collection[str], resume: bool) -> Iterator[Path]:
    """Yield a folder that is empty or may be continued; other processes are kept out.

    Parameters
    ----------
    path
        The folder; made if it does not exist, and removed if it stays empty.
    what
        What it is of, for messages.
    files
        Names of files by which something to continue is known.
    resume
        Whether it may be continued.

    Raises
    ------
    UsageError
        If it holds something else, or another process is writing to it.
    """
    _check_content(path, what, files, resume)
    with _lock(path):
        _check_content(path, what, files, resume)  # another process may just have ended
        yield path


def _check_content(path: Path, what: str, files: Collection[str], resume: bool) -> None:
    from zoo_weights.files import is_temporary

    if not path.exists():
        return
    names = {""}
    if path.is_dir():
        names = {inner.name for inner in path.iterdir() if not is_temporary(inner)}
    if not names or (resume and names & set(files)):
        return
    problem = f"exists and is not an empty folder; a {what} needs its own folder"
    if resume and path.is_dir():
        problem = f"holds no {what} to resume"
    elif names & set(files) - {BUNDLE, ENVIRONMENT}:
        problem += "; continue with --resume"
    msg = f"{path}: {problem}"
    raise UsageError(msg)


@contextmanager
def fresh_folder(parent: Path, prefix: str = "") -> Iterator[Path]:
    """Yield a folder below `parent` that did not exist before, named by the current time."""
    stamp = prefix + time.strftime("%Y-%m-%d-%H%M%S")
    for number in itertools.count(1):
        folder = parent / (stamp if number == 1 else f"{stamp}-{number}")
        if folder.exists():
            continue
        with ExitStack() as stack:
            try:
                stack.enter_context(_lock(folder))
            except UsageError:  # another process was faster
                continue
            yield folder
            return


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    """Make a folder and lock it, where the system can; remove it at the end if it is empty.

    The lock ends with the process, however that ends, and leaves no file.
    """
    made = [folder for folder in (path, *path.parents) if not folder.exists()]
    make_folder(path)
    with _flock(path):
        try:
            yield
        finally:  # under the lock: without it, the folder is another process's
            for folder in made:
                with suppress(OSError):  # it is not empty
                    folder.rmdir()


@contextmanager
def _flock(path: Path) -> Iterator[None]:
    if os.name != "posix":
        yield
        return
    import fcntl

    msg = f"{path}: another process is writing to it; wait for it, or use another folder"
    try:
        number = os.open(path, os.O_RDONLY)
    except FileNotFoundError:  # the other process has just removed it, empty
        raise UsageError(msg) from None
    try:
        try:
            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UsageError(msg) from None
        except OSError:  # a file system without locks
            pass
        if not _is_at(number, path):  # removed before the lock was ours
            raise UsageError(msg)
        yield
    finally:
        os.close(number)


def _is_at(number: int, path: Path) -> bool:
    """Return whether a path leads to the folder that is open."""
    try:
        return os.path.samestat(os.fstat(number), os.stat(path))
    except FileNotFoundError:
        return False
