"""What TensorFlow logs while it is imported, kept from the user."""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

LOG = re.compile(rb"(WARNING: All log messages before absl::InitializeLog|I\d{4} \d\d:\d\d:)")
"""Starts of the lines that are dropped: information, and a warning about where it is written."""


@contextmanager
def drop_import_logs() -> Iterator[None]:
    """Drop the information that C++ code logs meanwhile, and pass on everything else at the end.

    TensorFlow 2.21 logs before its settings are read: ``TF_CPP_MIN_LOG_LEVEL`` does not stop it.
    Only the descriptor of stderr sees that. If the import ends the process, all that was written
    is lost; a ``TF_CPP_MIN_LOG_LEVEL`` of the user's own turns this off.
    """
    try:
        sys.stderr.flush()
        before = os.dup(2)
    except (OSError, ValueError, AttributeError):  # there is no stderr
        yield
        return
    try:
        with tempfile.TemporaryFile() as file:
            os.dup2(file.fileno(), 2)
            try:
                yield
            finally:
                sys.stderr.flush()
                os.dup2(before, 2)
                file.seek(0)
                for line in file:
                    if not LOG.match(line):
                        os.write(2, line)
    finally:
        os.close(before)
