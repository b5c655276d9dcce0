"""Folders and settings of zoo: the environment first, then ``config.toml``."""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from zoo.errors import UsageError

if TYPE_CHECKING:
    from zoo_weights import Store


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
    """

    backend: str | None = None
    classify_model: str = "efficientnet-lite0"
    mirror: str | None = None
    offline: bool = False


def home(kind: str) -> Path:
    """Return the folder for ``"config"`` or ``"cache"``; ``ZOO_HOME`` moves both."""
    override = os.environ.get("ZOO_HOME")
    if override:
        return Path(override).expanduser().absolute() / kind
    import platformdirs

    if kind == "config":
        return Path(platformdirs.user_config_dir("zoo", appauthor=False))
    return Path(platformdirs.user_cache_dir("zoo", appauthor=False))


@functools.cache
def settings() -> Settings:
    """Read ``config.toml``; a missing file means defaults.

    Raises
    ------
    UsageError
        If the file is not TOML or holds an unknown or mistyped field.
    """
    path = home("config") / "config.toml"
    try:
        text = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return Settings()
    except OSError as error:
        msg = f"{path}: cannot be read, {error.strerror or error}"
        raise UsageError(msg) from None
    try:
        return msgspec.toml.decode(text, type=Settings)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        msg = f"{path}: {error}"
        raise UsageError(msg) from None


def offline() -> bool:
    """Whether downloads are refused: ``--offline``, ``ZOO_OFFLINE``, or the configuration."""
    flag = os.environ.get("ZOO_OFFLINE")
    return settings().offline if flag is None else flag not in ("", "0")


def plain() -> bool:
    """Whether ``ZOO_PLAIN`` turns off every fast path: slower, with the same answers."""
    return os.environ.get("ZOO_PLAIN", "") not in ("", "0")


def store(kind: str = "weights") -> Store:
    """Return the store of downloaded files of one kind, ``"weights"`` or ``"data"``."""
    from zoo_weights import Store

    mirror = os.environ.get("ZOO_MIRROR") or settings().mirror
    return Store(home("cache") / kind, mirrors=(mirror,) if mirror else (), offline=offline())


def as_dict() -> dict[str, Any]:
    """Return folders and settings, for ``zoo doctor``."""
    return {
        "config": str(home("config") / "config.toml"),
        "cache": str(home("cache")),
        "offline": offline(),
        "plain": plain(),
        "mirror": os.environ.get("ZOO_MIRROR") or settings().mirror,
        "backend": settings().backend,
        "classify_model": settings().classify_model,
    }
