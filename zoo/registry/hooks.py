"""The hooks a plugin may implement; the docstrings here are the reference that the docs print."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pluggy

API_VERSION = 1
"""Version of this hook interface; a plugin written for a newer one declares it in ``zoo_api``."""

hookspec = pluggy.HookspecMarker("zoo")
hookimpl = pluggy.HookimplMarker("zoo")
"""Decorator that marks a function of a plugin module as the implementation of a hook."""

Register = Callable[..., None]


@hookspec
def register_models(register: Register) -> None:
    """Declare models: ``register(spec)`` for each `ModelSpec`, or ``register("file.toml")``.

    A TOML path is relative to the plugin module's folder.
    """


@hookspec
def register_architectures(register: Register) -> None:
    """Name functions that build networks: ``register("mlp", "package.module:function")``.

    The function takes the options of the spec's ``architecture`` and, if it has parameters of
    these names, ``input_shape`` (shape of one sample), ``units`` (width of the output, or None)
    and ``output_activation`` (Keras name of the activation that the decoder needs), and returns
    an uncompiled ``keras.Model`` with float32 input, batch first, channels last, and probabilities
    (or numbers) out. ``input_shape`` is a dictionary of shapes by name
    if the preprocessor makes several inputs. A recurrent architecture may have a parameter
    ``states``: with it, the network takes and returns dictionaries of ``input``, ``output`` and
    its states, each state under the same name in both.

    ``register("mlp", "package.module:function", pure=True)`` promises that what the function builds
    depends on its arguments, on the files in the packages of its own distribution, on zoo and on
    Keras, and on nothing else: no other package, environment variable, or file elsewhere.
    ``pure=["other-package"]`` names further distributions whose files it depends on. The
    computation of a pure network is cached between processes until one of those files changes; any
    other network is built by each process.
    """


@hookspec
def register_preprocessors(register: Register) -> None:
    """Name `Preprocessor` classes: ``register("image", "package.module:Class")``."""


@hookspec
def register_decoders(register: Register) -> None:
    """Name `Decoder` classes: ``register("classes", "package.module:Class")``."""


@hookspec
def register_datasets(register: Register) -> None:
    """Declare datasets: ``register(dataset)`` for each `Dataset`, or ``register("datasets.toml")``.

    A TOML file has a table for each dataset, under its name, with the fields of `Dataset`. The
    file's path is relative to the plugin module's folder, and paths in it to the file's folder.
    """


@hookspec
def register_commands(register: Register) -> None:
    """Add commands to the command line: ``register("name", "package.module:command")``.

    The command is a click command, imported when it is used.
    """


@hookspec
def training_started(run: Any) -> None:
    """Called before the first epoch of a training, or before the first that a resumed one has left.

    Every training has a `zoo.Run` of its own: each fold and then the training on all rows, an
    update, the new member of an ensemble, each candidate of a tuning on each fold with each seed,
    and the fit of a scikit-learn estimator. ``run.path`` is the run folder; it is None where the
    training writes nothing, as the candidates of a tuning and estimators without ``runs``.

    Not called for a training that cannot start, as with a wrong recipe or wrong rows, nor for a
    finished one that ``--resume`` returns as it is.
    """


@hookspec
def epoch_ended(run: Any, epoch: int, logs: dict[str, float]) -> None:
    """Called after each epoch (counted from 0) with Keras's logs of that epoch.

    They are in ``run.history`` by then. An epoch that Ctrl-C cut short counts.
    """


@hookspec
def training_finished(run: Any) -> None:
    """Called when a training has ended, and its run folder, if it has one, is complete.

    However it ended without an error: after all epochs, early, by Ctrl-C
    (``run.environment["interrupted"]``), or because its tuning pruned it
    (``run.environment["pruned"]``). ``run.metrics`` has the figures of the final weights; those of
    candidates that a tuning trains side by side are of the held-out rows only.
    """


@hookspec
def training_failed(run: Any, error: BaseException) -> None:
    """Called once, instead of `training_finished`, if a training ends by an error after its start.

    A second Ctrl-C is an error, too: ``KeyboardInterrupt``. The user then sees the error of the
    training, even if a plugin fails here.
    """
