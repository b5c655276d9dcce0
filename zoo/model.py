"""``Model``: a spec with its weights, ready to be asked."""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from zoo.components import Classifier, Decoder, Preprocessor
from zoo.config import plain
from zoo.construct import construct, options_of
from zoo.errors import UsageError, WeightsMissing
from zoo.registry.registry import registry
from zoo.results import Classification, RowResult
from zoo.spec.model import ModelSpec
from zoo.spec.toml import spec_from

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from zoo.generate import Generated
    from zoo.runtime.runner import Runner
    from zoo.session import Session
    from zoo.spec.model import State
    from zoo.tensors import Tensors
    from zoo.training.evaluate import Figures
    from zoo_weights import Slot, WeightsRecord

BATCH = 8
"""Pictures computed at once where the caller does not say; more take memory and no less time."""

ROWS = 1024
"""The same for rows of tables and texts."""


class Model:
    """A spec with weights; the network is built and loaded on first use.

    Parameters
    ----------
    spec
        The declaration.
    weights
        Tag of a weights record, path of a weights file or bundle, ``"default"`` for the first
        record, or None for random weights.
    base
        Folder that relative paths in the spec start from.
    state
        Fitted state of preprocessor and decoder, where the model was trained.
    """

    def __init__(
        self,
        spec: ModelSpec,
        *,
        weights: str | PathLike[str] | None = "default",
        base: Path | None = None,
        state: dict[str, Any] | None = None,
    ) -> None:
        self.spec = spec
        self._weights = weights
        self._base = base
        self._state = state or {}

    @classmethod
    def from_bundle(cls, path: Path) -> Model:
        """Return the model of a bundle or a run folder."""
        from zoo_weights import read_headers

        file = path / "model.zoo" if path.is_dir() else path
        if not file.is_file():
            what = "no bundle (model.zoo)" if path.is_dir() else "no such file"
            msg = f"{path}: {what}; expected a bundle or a run folder that `zoo train` wrote"
            raise UsageError(msg)
        headers = read_headers(file)
        missing = {"spec", "state"} - headers.keys()
        if missing:
            msg = f"{file}: is not a whole bundle, it has no {' and no '.join(sorted(missing))}"
            raise UsageError(msg)
        spec = spec_from(json.loads(headers["spec"]), where=str(file))
        return cls(spec, weights=file, state=json.loads(headers["state"]))

    def __repr__(self) -> str:
        return f"Model({self.spec.name!r}, weights={self.weights_name!r})"

    @property
    def weights_name(self) -> str | None:
        """What the weights are called: a record's tag, or a file's path; None if random."""
        if self._weights is None or self._weights == "none":
            return None
        if self._weights == "default":
            record = self.spec.record()
            return record.tag if record else None
        return str(self._weights)

    # Parts

    @functools.cached_property
    def preprocessor(self) -> Preprocessor:
        """What turns raw input into the network's input."""
        part = cast("Preprocessor", self._part("preprocessors", "input"))
        if "input" in self._state:
            part.restore(self._state["input"])
        return part

    @functools.cached_property
    def decoder(self) -> Decoder:
        """What turns the network's output into labels and numbers."""
        part = cast("Decoder", self._part("decoders", "output"))
        if "output" in self._state:
            part.restore(self._state["output"])
        return part

    @property
    def classifier(self) -> Classifier:
        """The decoder, of a model that classifies.

        Raises
        ------
        UsageError
            If this one does not.
        """
        if not isinstance(self.decoder, Classifier):
            msg = f"{self.spec.name} does not classify (its task is {self.spec.task}); use predict"
            raise UsageError(msg)
        return self.decoder

    def _part(self, kind: str, field: str) -> Any:
        component = getattr(self.spec, field)
        return construct(registry().resolve(kind, component), component, what=field)

    def architecture(self, *, states: bool = False) -> Callable[[], Any]:
        """Return the function of no arguments that builds the network, `states` open or hidden."""
        component = self.spec.architecture
        function = registry().resolve("architectures", component)
        if states and not self.recurrent:
            msg = f"{self.spec.name} has no state that goes on from step to step"
            raise UsageError(msg)
        offered = self._offered()
        if states:
            offered["states"] = True
        return lambda: construct(function, component, what="architecture", offered=offered)

    def _offered(self) -> dict[str, Any]:
        """Return what the architecture is handed beside its options."""
        from zoo.heads import asked_by

        offered: dict[str, Any] = {"input_shape": self.preprocessor.shape}
        offered["units"] = self.decoder.units
        # What was trained keeps its head: that of its spec, or else of the architecture.
        if not self._state and (head := asked_by(self.decoder)):
            offered["output_activation"] = head
        return offered

    @property
    def built_spec(self) -> ModelSpec:
        """The spec that says the head of the network, also where the decoder decides it."""
        from zoo.heads import with_head

        return self.spec if self._state else with_head(self.spec)

    @functools.cached_property
    def keras(self) -> Any:
        """The network, a ``keras.Model``, with its weights.

        It takes preprocessed float32 (batch first, channels last; by name, where the network has
        several inputs) and gives probabilities or numbers.
        """
        self.check_weights()
        from zoo.runtime.network import build

        # Whoever asks for the network may change it: what an earlier process kept of it is left.
        self.__dict__.pop("runner", None)
        network = build(self.architecture(), initialise=self.weights_name is None)
        if self.weights_name is not None:
            self.load_weights(network)
        return network

    def check_weights(self) -> None:
        """Raise `WeightsMissing` unless the weights asked for are known: a tag, a file, or none."""
        if self._weights == "default":
            if not self.spec.weights:
                msg = f"{self.spec.name}: no trained weights; run `zoo train {self.spec.name}`"
                raise WeightsMissing(msg)
            return
        name, tags = self.weights_name, [record.tag for record in self.spec.weights]
        if name is not None and name not in tags and not Path(name).exists():
            from zoo.errors import did_you_mean

            msg = f"{self.spec.name}: no weights {name!r}; it has the tags "
            msg += f"{', '.join(tags) or '(none)'}, or give a file."
            raise WeightsMissing(msg + did_you_mean(name, tags))

    def load_weights(self, network: Any) -> None:
        """Fill a network of this model from the weights that were asked for."""
        from zoo.runtime.network import load

        file, options = self._weights_file()
        record = self._record()
        load(network, file, **options, lacks=record.lacks if record else ())

    def _record(self) -> WeightsRecord | None:
        """Return the record of the weights that were asked for; None where they are a file."""
        name = None if self._weights == "default" else self.weights_name
        return self.spec.record(name)

    def _read_weights(self, places: Sequence[Slot]) -> Iterator[tuple[int, NDArray[Any]]]:
        """Yield the weights that were asked for, with their positions among `places`."""
        from zoo_weights import read_weights

        file, options = self._weights_file()
        yield from read_weights(file, places, **options)

    def _weights_file(self) -> tuple[Path, dict[str, Any]]:
        """Return the file of the weights, brought here if need be, and how it is to be read."""
        from zoo.config import store
        from zoo.progress import download_progress

        record = self._record()
        if record is None:
            path = Path(cast("str", self._weights))
            return (path / "model.zoo" if path.is_dir() else path), {}
        file = store().fetch(record, base=self._base, progress=download_progress(record.name))
        return file, {"format": record.format, "ignore": record.ignore}

    @functools.cached_property
    def runner(self) -> Runner:
        """The network, compiled; built only if no earlier process kept what it computes."""
        from zoo.runtime.kept import Place
        from zoo.runtime.network import build, with_any_values
        from zoo.runtime.runner import Runner

        record = self._record() if self.weights_name is not None else None
        fixed = self.weights_name is not None and not (record and record.lacks)
        if "keras" in sys.modules or not fixed or plain():
            return Runner(self.keras)
        self.check_weights()
        component = self.spec.architecture
        entry = registry().part("architectures", component)
        place = Place(entry, component, self._offered(), self._read_weights)
        if not place.usable:
            return Runner(self.keras)
        if network := place.restored():
            return Runner(network)
        make = self.architecture()
        written = place.written(lambda: with_any_values(build(make, initialise=False)))
        runner = Runner(self.keras)
        if written:
            place.keep(written, runner)
        return runner

    # State

    @property
    def recurrent(self) -> bool:
        """Whether the network can open the states that it carries from step to step."""
        component = self.spec.architecture
        return "states" in options_of(registry().resolve("architectures", component))

    @functools.cached_property
    def stepper(self) -> Runner:
        """The network with its states as inputs and outputs, compiled."""
        from zoo.runtime.carry import with_states
        from zoo.runtime.runner import Runner

        make = self.architecture(states=True)
        return Runner(with_states(self.keras, make, self.spec.state))

    @property
    def states(self) -> tuple[State, ...]:
        """The states that the network carries from step to step."""
        from zoo.runtime.carry import states_of

        return states_of(self.stepper.network)

    def session(self, sequences: int | None = None) -> Session:
        """Return a new session: one or several sequences that are fed step by step.

        Parameters
        ----------
        sequences
            How many; as many as the first call feeds, if not given.

        Raises
        ------
        UsageError
            If the network has no state.
        """
        from zoo.session import Session

        return Session(self, sequences)

    def load_session(self, path: str | PathLike[str]) -> Session:
        """Return the session that `Session.save` wrote.

        Raises
        ------
        UsageError
            If the file is no session, or one of another spec or other weights.
        """
        from zoo.session import load_session

        return load_session(self, Path(path))

    def step(self, sessions: Sequence[Session], raws: Sequence[Any]) -> list[Any]:
        """Feed raw input to each of several sessions of this model in one call of its network.

        The sessions may be at whatever places of their sequences; see `Session.step`.
        """
        from zoo.session import step

        return step(sessions, raws)

    def generate(
        self,
        start: str = "",
        steps: int = 1,
        *,
        warm: bool = False,
        temperature: float = 0.0,
        seed: int | None = None,
        session: Session | None = None,
    ) -> Iterator[Generated]:
        """Continue a sequence: every answer is the next input.

        Parameters
        ----------
        start
            What is fed first; may be empty where a session goes on.
        steps
            How many answers.
        warm
            Whether everything that comes before `start` in the alphabet is fed first.
        temperature
            0 takes the likeliest answer. Otherwise one is drawn: by its probability for 1, nearer
            to the likeliest below, more evenly above.
        seed
            Seed of what is drawn.
        session
            Where to go on, and what remembers this sequence; only for models that were trained
            with their state carried on.

        Yields
        ------
        Generated
            Input, output and probability of each step.
        """
        from zoo.generate import generate

        yield from generate(
            self, start, steps, warm=warm, temperature=temperature, seed=seed, session=session
        )

    # Asking

    def outputs(self, inputs: Tensors, *, batch_size: int = 32) -> NDArray[Any]:
        """Return the network's outputs for preprocessed inputs, NumPy in and NumPy out."""
        outputs: NDArray[Any] = self.runner(inputs, batch_size=batch_size)
        return outputs

    def classify(
        self, inputs: Any, *, top: int = 5, batch_size: int = BATCH
    ) -> list[Classification]:
        """Classify pictures.

        Parameters
        ----------
        inputs
            Path, URL, bytes, Pillow image or uint8 array of shape (height, width, 3), or a list of
            them.
        top
            How many classes to name for each.
        batch_size
            Pictures computed at once, at most.

        Returns
        -------
        list of Classification
            One for each input, in order; a bad input has an error and no predictions.
        """
        single = isinstance(inputs, str | bytes | PathLike) or not isinstance(inputs, Iterable)
        single = single or getattr(inputs, "ndim", 0) == 3
        items = [inputs] if single else list(inputs)
        return list(self.stream(items, top=top, batch_size=min(batch_size, max(1, len(items)))))

    def stream(
        self, inputs: Iterable[Any], *, top: int | None = 5, batch_size: int = BATCH
    ) -> Generator[Classification]:
        """Yield a result for each picture, in order, holding only a few batches in memory.

        Pictures are read in threads. Of a list or another collection the next ones are read while
        some are computed; an iterator is asked for a batch at a time, since it may wait for the
        results.
        """
        from zoo.bulk import classifications

        yield from classifications(self, inputs, top=top, batch_size=batch_size)

    def predict(self, inputs: Any, *, batch_size: int | None = None) -> list[RowResult]:
        """Predict rows of a table, texts, or pictures.

        Parameters
        ----------
        inputs
            For tables: path of a CSV or parquet file, an open CSV file, a pandas or polars frame,
            a list of dicts, or a list (or 2-D array) of rows in the order of the model's columns.
            For texts: a text, a list of them (or of lists of word numbers), or the `Path` of a
            file with one text per line. For pictures: as `classify` takes them.
        batch_size
            Rows computed at once, at most; 1024, or 8 pictures, if not given.

        Returns
        -------
        list of RowResult
            One for each row, in order; a bad row has an error.
        """
        return list(self.stream_rows(inputs, batch_size=batch_size))

    def stream_rows(self, inputs: Any, *, batch_size: int | None = None) -> Generator[RowResult]:
        """Yield a result for each row, in order, holding only a few batches in memory."""
        from zoo.bulk import row_results

        usual = BATCH if self.preprocessor.kind == "image" else ROWS
        yield from row_results(self, inputs, batch_size=batch_size or usual)

    def answers(self, outputs: NDArray[Any], top: int | None = None) -> list[Any]:
        """Return what the decoder makes of each row of the network's outputs.

        Parameters
        ----------
        outputs
            Of shape (rows, ...), as `outputs` returns them.
        top
            How many classes to name, for classifiers; all, if not given.

        Returns
        -------
        list
            For each row predictions, the best first, or a number or list of numbers; an
            `InputError` in place of what is not finite, or should be probabilities and is not.

        Raises
        ------
        SpecError
            If the network has other units than the decoder needs.
        """
        from zoo.heads import answers

        return answers(self, outputs, top)

    def evaluate(self, data: Any = None, *, target: str | None = None) -> Figures:
        """Return the loss and metrics of the recipe over labelled data.

        Parameters
        ----------
        data
            CSV file or folder as for training. If not given, what was held out of the training: the
            test part of the dataset, else the rows held out of it; where none were, all rows.
        target
            Column that holds the truth, for tables.

        Returns
        -------
        Figures
            A dict, which also says which rows they are of: ``.rows``, ``.count``, ``.words``.

        Raises
        ------
        InputError
            If no data are given and those of the training are not here, or are others by now.
        """
        from zoo.training.evaluate import measured

        return measured(self, data, target)[0]
