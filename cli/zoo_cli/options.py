"""Options that every command takes, before or after its name, and ``MODEL|BUNDLE`` arguments."""

from __future__ import annotations

import functools
import logging
import os
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import click
from click.shell_completion import CompletionItem

from zoo_cli.terminal import echo

if TYPE_CHECKING:
    from zoo.inference.model import Model
    from zoo_weights.store import Store

FORMATS = ("text", "json", "jsonl", "csv")


json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def format_options(
    text: str = "Output format.", forms: tuple[str, ...] = FORMATS
) -> Callable[..., Any]:
    """Return the decorator that adds ``--format``, and ``--json``, which is short for one."""

    def add(function: Callable[..., Any]) -> Callable[..., Any]:
        short = click.option("--json", "form", flag_value="json", help="Short for --format json.")
        return click.option("--format", "form", type=click.Choice(forms), help=text)(
            short(function)
        )

    return add


format_option = format_options("Output format (that of the suffix of -o, or text).")
"""Options of a command that takes ``-o``; see `format_of`."""


def format_of(form: str | None, output: str | None) -> str:
    """Return the requested format, else the one that an output file is named after, else text."""
    suffix = Path(output or "").suffix.lower().removeprefix(".")
    return form or (suffix if suffix in FORMATS else "text")


class Verbosity:
    """Verbosity that the common options set, for the entire process."""

    verbosity: ClassVar[int] = 0
    quiet: ClassVar[bool] = False


def max_pixels_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--max-pixels`` to a command that reads images."""

    def remember(ctx: click.Context, param: click.Parameter, value: int | None) -> None:
        if value is not None:
            os.environ["ZOO_MAX_PIXELS"] = str(value)

    return click.option(
        "--max-pixels", metavar="N", type=click.IntRange(min=1), expose_value=False,
        callback=remember, help="Pixels of the largest image to read (100000000).",
    )(function)  # fmt: skip


def target_option(text: str) -> Callable[..., Any]:
    """Return the decorator that adds ``--target``: a column's name, or several."""

    def pick(ctx: click.Context, param: click.Parameter, names: tuple[str, ...]) -> Any:
        names = tuple(dict.fromkeys(names))
        return names if len(names) > 1 else next(iter(names), None)

    return click.option(
        "--target", metavar="COLUMN", multiple=True, callback=pick, help=f"{text}; may be repeated."
    )


def note(text: str) -> None:
    """Print a note on stderr, unless ``-q``."""
    if not Verbosity.quiet:
        echo(f"zoo: {text}", err=True)


class FailureLog:
    """Names failed inputs on stderr, one a line; of those alike the first few, and counts the rest.

    Alike are messages that differ in numbers and quoted values only, but in no column's name.
    ``-v`` names all.

    Attributes
    ----------
    count
        Number of failed inputs.
    """

    SHOWN, KINDS = 5, 20
    """Inputs to name of each kind of message, and kinds to tell apart."""

    _VALUES = re.compile(r"(column '[^']*')|'[^']*'|\d+(?:\.\d+)?")

    def __init__(self) -> None:
        self.count = 0
        self._kinds: Counter[str] = Counter()
        self._shown: dict[str, str] = {}

    def add(self, name: str, message: str) -> None:
        """Report an input that failed."""
        self.count += 1
        kind = self._VALUES.sub(lambda found: found[1] or "", message.removeprefix(name))
        kind = kind if kind in self._kinds or len(self._kinds) < self.KINDS else "other"
        self._kinds[kind] += 1
        if Verbosity.verbosity or self._kinds[kind] <= self.SHOWN:
            self._shown[kind] = f"{name}: {message}"
            echo(f"zoo: {name}: {message}", err=True)

    def __enter__(self) -> FailureLog:
        return self

    def __exit__(self, *_: object) -> None:
        """Count the inputs that were not named."""
        for kind, count in self._kinds.items():
            if count > self.SHOWN and not Verbosity.verbosity:
                echo(f"zoo: … and {count - self.SHOWN} more like {self._shown[kind]}", err=True)


def note_orphans(files: Store) -> None:
    """Remove what killed processes left in a store, and say so."""
    for path, size in files.sweep():
        note(f"removed {path}, {size:,} bytes that a killed process left")


def common_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--backend``, ``--device``, ``--offline``, ``-q`` and ``-v`` to a command."""

    @click.option("--backend", metavar="NAME", help="jax, tensorflow, torch or openvino.")
    @click.option("--device", metavar="D", help="cpu, gpu or gpu:N.")
    @click.option("--offline", is_flag=True, help="Download nothing.")
    @click.option("-q", "--quiet", is_flag=True, help="Print results and errors only.")
    @click.option("-v", "--verbose", count=True, help="Print more; -vv shows tracebacks.")
    @functools.wraps(function)
    def wrapped(
        *args: Any,
        backend: str | None,
        device: str | None,
        offline: bool,
        quiet: bool,
        verbose: int,
        **kwargs: Any,
    ) -> Any:
        Verbosity.verbosity = max(Verbosity.verbosity, verbose)
        Verbosity.quiet = Verbosity.quiet or quiet
        if Verbosity.verbosity >= 2:  # the tracebacks of errors that became records
            logger = logging.getLogger("zoo")
            logger.handlers = [logging.StreamHandler(sys.stderr)]
            logger.setLevel(logging.DEBUG)
        if Verbosity.quiet:
            os.environ["ZOO_QUIET"] = "1"
        if Verbosity.verbosity:
            os.environ["ZOO_VERBOSE"] = "1"
        if offline:
            os.environ["ZOO_OFFLINE"] = "1"
        if backend or device:
            from zoo.backend.choose import request

            request(backend, device)
        return function(*args, **kwargs)

    return wrapped


def parse_numbers(
    ctx: click.Context, param: click.Parameter, value: str | None
) -> list[float] | None:
    """Parse comma-separated numbers."""
    if value is None:
        return None
    try:
        return [float(part) for part in value.split(",")]
    except ValueError:
        msg = f"expected comma-separated numbers, such as 2,1; received {value!r}"
        raise click.BadParameter(msg) from None


def complete_file(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Leave completing the name of a file to the shell."""
    return [CompletionItem(incomplete, type="file")]


def complete_model(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Complete the name of a model in the shell, or else of a bundle."""
    from zoo.registry.registry import list_models

    return _complete(list_models(), incomplete)


def complete_data(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Complete the name of a dataset in the shell, or else of a file."""
    from zoo.registry.registry import registry

    return _complete(registry().datasets.names(), incomplete)


def _complete(names: Iterable[str], incomplete: str) -> list[CompletionItem]:
    # Bash completes files only where no name is left, if their item comes first.
    return [
        CompletionItem(incomplete, type="file"),
        *(CompletionItem(name) for name in names if name.startswith(incomplete)),
    ]


def set_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--set`` to a command that changes a spec before it is used."""
    return click.option(
        "--set", "settings", metavar="KEY=VALUE", multiple=True,
        help="Change any field of the spec; may be repeated.",
    )(function)  # fmt: skip


def model_or_bundle(name: str, weights: str | None = None, settings: tuple[str, ...] = ()) -> Model:
    """Return a model by its name, or from a ``SPEC.toml``, a bundle file or a run folder.

    A registered name wins over a file of the same name; a path with a separator is a path.
    """
    from zoo.errors import UnknownName, UsageError
    from zoo.inference.model import get_model, load

    try:
        model = get_model(name, weights=_weights(weights), settings=settings)
    except UnknownName:
        if name.endswith(".toml") or not Path(name).exists():
            raise
        if weights is not None or settings:
            option = "--set" if weights is None else "--weights"
            msg = f"{name} is used as it was trained; {option} is for models by name or SPEC.toml"
            raise UsageError(msg) from None
        from zoo_weights.files import has_checksum

        model = load(name)
        if not has_checksum(Path(model.weights_name or name)):
            note(f"{name}: not verified, since bundles of version 1 have no checksum")
    return model


def _weights(text: str | None) -> str | None:
    if text is None:
        return "default"
    return None if text == "none" else text
