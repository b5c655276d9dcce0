"""Errors about files of weights and data; each message is one sentence for people."""

from __future__ import annotations

import errno
import os


class WeightsError(Exception):
    """Base class of the errors that this package raises on purpose.

    `exit_status` is that of a command it ends: 2 if the request itself was wrong.
    """

    exit_status = 1


class CannotWrite(WeightsError, OSError):
    """A file could not be written; nothing partial has its name.

    `exit_status` is 1 if the disk is full.
    """

    exit_status = 2


class FetchError(WeightsError):
    """A file could not be fetched."""


class HashMismatch(FetchError):
    """A file does not have the hash in its record."""


class OfflineError(FetchError):
    """A file is missing and zoo is offline."""


class UnsafeFile(WeightsError):
    """A file holds something other than plain arrays, or is damaged; it was not read."""


class LayoutMismatch(WeightsError):
    """The weights in a file do not match the model; nothing was read.

    The message shows what was expected next to what was found.
    """


_ELSEWHERE = "write elsewhere (-o names the output, ZOO_HOME moves the cache)"

SYSTEM_CURES = {
    "ENOSPC": ("The disk is full.", f"free some space, or {_ELSEWHERE}"),
    "EDQUOT": ("The user's quota of the disk is used up.", f"free some space, or {_ELSEWHERE}"),
    "EFBIG": ("The file is larger than allowed.", "raise the limit (`ulimit -f`)"),
    "EROFS": ("The file system can only be read.", _ELSEWHERE),
    "EACCES": ("The user may not do this.", f"change the permissions, or {_ELSEWHERE}"),
    "EPERM": ("The user may not do this.", f"change the permissions, or {_ELSEWHERE}"),
    "ENOENT": ("The file or its folder does not exist.", "check the path, or make its folder"),
    "ENOTDIR": ("A file is where a folder should be.", "check the path"),
    "EISDIR": ("A folder is where a file should be.", "check the path"),
    "EEXIST": ("A file is where a folder should be made.", "move it away, or pass another path"),
    "ENAMETOOLONG": ("The path is too long.", "use a shorter one"),
    "ELOOP": ("Links lead in circles.", "remove the links, or pass another path"),
    "EMFILE": ("This process has too many files open.", "raise the limit (`ulimit -n`)"),
    "ENFILE": ("The machine has too many files open.", "close some programs"),
    "ENOMEM": ("The memory is full.", "use a machine with more, or less data at once"),
    "EAGAIN": ("No further process or thread can start.", "raise the limit (`ulimit -u`)"),
    "EIO": ("The disk or the connection to it fails.", "check the disk"),
}
"""What the errors of the system mean, and what can be done about them."""

WRITE_ERRORS = {"ENOSPC", "EDQUOT", "EFBIG", "EROFS"}
"""Errors that only writing can cause."""


def describe_system_error(error: OSError, written: str) -> str:
    """Return the sentence for an error of the operating system: path, what failed, why, cure.

    Parameters
    ----------
    error
        The error, with its number.
    written
        What was being written, if a failing write names no file.
    """
    name = errno.errorcode.get(error.errno or 0, "")
    file = error.filename
    if file is None and name in WRITE_ERRORS:
        file = written
    if file is None:  # no memory, no process
        return describe_cause(error)
    file = str(file) if isinstance(file, int) else os.fsdecode(file)
    # What is not there was being made, unless that is the complaint.
    made = name == "EEXIST" or (name != "ENOENT" and not os.path.lexists(file))
    done = "written" if name in WRITE_ERRORS else "made" if made else "opened"
    return f"{file}: cannot be {done}, {describe_cause(error)}"


def describe_cause(error: OSError) -> str:
    """Return why the system failed, and what can be done about it."""
    name = errno.errorcode.get(error.errno or 0, "")
    reason = os.strerror(error.errno or 0)
    cure = SYSTEM_CURES[name][1] if name in SYSTEM_CURES else "check the path and the disk"
    return f"{reason[:1].lower()}{reason[1:]}; {cure}"
