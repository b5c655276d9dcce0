"""Folders and settings of zoo: the environment first, then ``config.toml``."""

from __future__ import annotations

import functools
import os
import threading
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from zoo.errors import InputError, UsageError
from zoo.files import read_regular
from zoo_weights.text import hide_password

if TYPE_CHECKING:
    from zoo_weights.store import Store


class Cache(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The table ``[cache]`` of ``config.toml``.

    Attributes
    ----------
    features
        Bytes that features of photos may take, those of all trainings together; 0 keeps none.
    """

    features: Annotated[int, msgspec.Meta(ge=0)] = 2_000_000_000


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Contents of ``config.toml`` in the configuration folder.

    Attributes
    ----------
    backend
        Keras backend to use where neither a flag nor ``KERAS_BACKEND`` sets one.
    classify_model
        Model of ``zoo classify`` without ``-m``.
    mirror
        Folder or URL tried first for every download.
    offline
        Whether downloads are refused.
    timeout
        Seconds that a download may take, retries included; no limit if not given.
    licences
        Licences whose weights may be used, such as ``["Apache-2.0", "BSD-*"]``; all, if not given.
    cache
        What the cache may hold.
    """

    backend: str | None = None
    classify_model: str = "efficientnet-lite0"
    mirror: str | None = None
    offline: bool = False
    timeout: float | None = None
    licences: tuple[str, ...] | None = None
    cache: Cache = Cache()


NO_HOME = Path(os.devnull, "no home folder (set HOME or ZOO_HOME)")
"""Where nothing can be, which whoever can do without a cache takes for an empty one."""


def home(kind: str) -> Path:
    """Return the folder for ``"config"`` or ``"cache"``; ``ZOO_HOME`` moves both."""
    override = os.environ.get("ZOO_HOME")
    try:
        if override:
            return Path(override).expanduser().absolute() / kind
        import platformdirs

        folder = platformdirs.user_config_dir if kind == "config" else platformdirs.user_cache_dir
        path = Path(folder("zoo", appauthor=False))
    except RuntimeError:  # an unknown user
        return NO_HOME / kind
    return path if path.is_absolute() else NO_HOME / kind


@functools.cache
def settings() -> Settings:
    """Read ``config.toml``; a missing file means defaults.

    Raises
    ------
    UsageError
        If the file is not TOML or holds an unknown or mistyped field.
    """
    path = home("config") / "config.toml"
    if not os.path.lexists(path):
        return Settings()
    try:
        return msgspec.toml.decode(read_regular(path), type=Settings)
    except InputError as error:
        raise UsageError(error.message) from None
    except (ValueError, RecursionError) as error:  # wrong bytes, TOML or types, huge numbers, depth
        msg = f"{path}: {error}"
        raise UsageError(msg) from None


def offline() -> bool:
    """Whether downloads are refused: ``--offline``, ``ZOO_OFFLINE``, or the configuration."""
    flag = os.environ.get("ZOO_OFFLINE")
    return settings().offline if flag is None else flag not in ("", "0")


def timeout(option: str | None = None) -> float | None:
    """Return the seconds a download may take: ``--timeout``, ``ZOO_TIMEOUT``, or configuration.

    Raises
    ------
    UsageError
        If it is not a positive number.
    """
    sources = {
        "--timeout": option,
        "ZOO_TIMEOUT": os.environ.get("ZOO_TIMEOUT") or None,
        "timeout in config.toml": settings().timeout,
    }
    for name, value in sources.items():
        if value is None:
            continue
        try:
            seconds = float(value)
        except ValueError:
            seconds = 0.0
        if not 0 < seconds < threading.TIMEOUT_MAX:
            msg = f"{name} is {value!r}; give a number of seconds, such as 600"
            raise UsageError(msg)
        return seconds
    return None


def plain() -> bool:
    """Whether ``ZOO_PLAIN`` turns off every fast path: slower, with the same answers."""
    return os.environ.get("ZOO_PLAIN", "") not in ("", "0")


def allowed_licences() -> tuple[str, ...] | None:
    """Return the licences whose weights may be used, ``*`` allowed; None if all may."""
    names = [name.strip() for name in os.environ.get("ZOO_LICENCES", "").split(",")]
    return tuple(filter(None, names)) or settings().licences


def check_licence(subject: str, licence: str) -> None:
    """Raise `UsageError` if the settings do not allow the licence of some weights.

    Parameters
    ----------
    subject
        What has the licence, for the message.
    licence
        SPDX identifier or a short phrase; empty if none is stated.
    """
    allowed = allowed_licences()
    names = [name.lower() for name in allowed or ()]
    if allowed is None or any(fnmatchcase(licence.lower(), name) for name in names):
        return
    source = "ZOO_LICENCES" if os.environ.get("ZOO_LICENCES") else "licences in config.toml"
    what = f"have the licence {licence!r}" if licence else "state no licence"
    msg = f"{subject} {what}, and {source} allows only {', '.join(allowed) or 'none'}; "
    raise UsageError(msg + "add the licence there, or use another model")


def store(kind: str = "weights", seconds: str | None = None) -> Store:
    """Return the store of downloaded files of one kind, ``"weights"`` or ``"data"``.

    `seconds` is a ``--timeout``: how long each download may take.
    """
    from zoo_weights.store import Store

    mirror = os.environ.get("ZOO_MIRROR") or settings().mirror
    return Store(
        home("cache") / kind,
        mirrors=(mirror,) if mirror else (),
        offline=offline(),
        seconds=timeout(seconds),
    )


def as_dict() -> dict[str, Any]:
    """Return folders and settings, for ``zoo doctor``."""
    mirror = os.environ.get("ZOO_MIRROR") or settings().mirror
    return {
        "config": str(home("config") / "config.toml"),
        "cache": str(home("cache")),
        "offline": offline(),
        "plain": plain(),
        "mirror": hide_password(mirror) if mirror else None,
        "timeout": timeout(),
        "backend": settings().backend,
        "classify_model": settings().classify_model,
        "licences": allowed_licences(),
        "cache.features": settings().cache.features,
    }
