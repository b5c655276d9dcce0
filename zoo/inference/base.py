"""``BaseModel``: a spec with its weights, its parts and its network."""

from __future__ import annotations

import contextlib
import functools
import sys
from collections.abc import Callable, Iterator, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, TypedDict, cast

from zoo.config import allowed_licences, check_licence, plain
from zoo.display import one_line
from zoo.errors import SpecError, UnknownName, UsageError, WeightsMissing
from zoo.parts.base import Classifier, Decoder, Preprocessor
from zoo.parts.construct import construct, options_of
from zoo.parts.multi_output import Outputs
from zoo.registry.registry import find_spec, registry
from zoo.spec.files import read_json_headers, spec_from_data
from zoo.spec.model import ModelSpec, check_record_licence
from zoo_weights.text import printable

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from zoo.backend.runner import Runner, Tensors
    from zoo.parts.heads import Head
    from zoo.spec.model import State
    from zoo_weights.arrays import Slot
    from zoo_weights.records import WeightsRecord


class FittedState(TypedDict):
    """What preprocessor and decoder learnt, as a bundle stores it."""

    input: dict[str, Any]
    output: dict[str, Any]


BUNDLE = "model.zoo"
"""File name of the bundle in a run folder."""


def bundle_path(path: Path) -> Path:
    """Return the path of a bundle, given that path or its run folder."""
    return path / BUNDLE if path.is_dir() else path


def _check_bundle_licence(file: Path) -> None:
    from zoo_weights.readers import detect_format

    if detect_format(file) == "bundle":
        BaseModel.from_bundle(file)


class BaseModel:
    """A spec with weights; the network is built and loaded on first use.

    Parameters
    ----------
    spec
        The declaration.
    weights
        Tag of a weights record, path of a weights file or bundle, ``"default"`` for the first
        record, or None for random weights.
    base
        Folder that paths in the spec are relative to.
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
        self.base = base
        self._state = state or {}

    @classmethod
    def from_bundle(cls, path: Path) -> Self:
        """Return the model of a bundle or a run folder."""
        file = bundle_path(path)
        if file.suffix == ".toml" or not file.is_file():
            what = f"no bundle ({BUNDLE})" if path.is_dir() else "no such file"
            if file.is_file():
                what = "a spec, not a trained model"
            msg = f"{path}: {what}; expected a bundle or a run folder that `zoo train` wrote"
            raise UsageError(msg)
        headers = read_json_headers(file, {"spec": dict[str, Any], "state": FittedState})
        spec = spec_from_data(headers["spec"], where=str(file))
        if spec.licence:
            check_licence(f"{file}: the weights of {spec.name}", spec.licence)
        return cls(spec, weights=file, state=headers["state"])

    @classmethod
    def of_network(cls, spec: ModelSpec, network: Any, state: dict[str, Any]) -> Self:
        """Return the model of a network that is already built."""
        model = cls(spec, weights=None, state=state)
        model.keras = network
        return model

    def __repr__(self) -> str:
        return one_line(self, repr(self.spec.name), f"weights={self.weights_name!r}")

    @property
    def weights_name(self) -> str | None:
        """Name of the weights: a record's tag, or a file's path; None if random."""
        if self._weights is None or self._weights == "none":
            return None
        if self._weights == "default":
            record = self.spec.record()
            return record.tag if record else None
        return str(self._weights)

    # Parts

    @functools.cached_property
    def preprocessor(self) -> Preprocessor:
        """The part that turns raw input into the network's input."""
        return cast("Preprocessor", self._fitted_part("preprocessors", "input"))

    @functools.cached_property
    def decoder(self) -> Decoder:
        """The part that turns the network's output into labels and numbers."""
        return cast("Decoder", self._fitted_part("decoders", "output"))

    @functools.cached_property
    def heads(self) -> list[Head]:
        """The outputs, each with its decoder."""
        from zoo.parts.heads import heads_of

        return heads_of(self.spec, self.decoder)

    @property
    def classifier(self) -> Classifier:
        """The decoder of a model that classifies.

        Raises
        ------
        UsageError
            If the model does not classify.
        """
        from zoo.parts.heads import classifier_of

        return classifier_of(self.spec, self.decoder)

    @property
    def fitted_state(self) -> dict[str, Any]:
        """What preprocessor and decoder learnt, as a bundle stores it."""
        return {"input": self.preprocessor.state(), "output": self.decoder.state()}

    def _fitted_part(self, kind: str, field: Literal["input", "output"]) -> Any:
        component = getattr(self.spec, field)
        part = construct(registry().resolve(kind, component), component, what=field)
        if field in self._state:
            try:
                part.restore(self._state[field])
            except Exception as error:  # of a plugin, or of a damaged file
                msg = f"{self.weights_name}: the state of {field} does not fit {component.uses!r}, "
                msg += f"{type(error).__name__}: {printable(str(error))}"
                raise UsageError(msg) from error
        return part

    def architecture(self, *, states: bool = False) -> Callable[[], Any]:
        """Return a function without arguments that builds the network, `states` open or hidden."""
        component = self.spec.architecture
        function = registry().resolve("architectures", component)
        if isinstance(self.decoder, Outputs) and options_of(function).get("units") is int:
            needs = ", ".join(self.decoder.parts)
            msg = f"architecture: {component.uses!r} gives one output, and "
            raise SpecError(msg + f"{self.spec.output.uses!r} needs {needs}")
        if states and not self.recurrent:
            msg = f"{self.spec.name} has no state to carry from step to step"
            raise UsageError(msg)
        offered = self._offered()
        if states:
            offered["states"] = True
        return lambda: construct(function, component, what="architecture", offered=offered)

    def _offered(self) -> dict[str, Any]:
        """Return the arguments that the architecture receives besides its options."""
        from zoo.parts.heads import offered_head

        offered: dict[str, Any] = {"input_shape": self.preprocessor.shape}
        offered["units"] = self.decoder.units
        # A trained model keeps its head: that of its spec, else the architecture's default.
        if not self._state and (head := offered_head(self.decoder)):
            offered["output_activation"] = head
        return offered

    @property
    def built_spec(self) -> ModelSpec:
        """The spec with the head of the network, also where the decoder decides it."""
        from zoo.parts.heads import with_head

        return self.spec if self._state else with_head(self.spec)

    @functools.cached_property
    def keras(self) -> Any:
        """The network, a ``keras.Model``, with its weights.

        It takes preprocessed float32 (batch first, channels last; by name, where the network has
        several inputs) and returns probabilities or numbers.
        """
        self.check_weights()
        from zoo.backend.network import build, name_outputs

        network = build(self.architecture(), initialise=self.weights_name is None)
        if isinstance(self.decoder, Outputs):
            network = name_outputs(network, self.decoder.parts)
            self._check_outputs(network)
        if self.weights_name is not None:
            self.load_weights(network)
        return network

    def _check_outputs(self, network: Any) -> None:
        """Raise `SpecError` unless a network has the outputs that the decoder names."""
        assert isinstance(self.decoder, Outputs)
        from zoo.backend.network import output_names

        found, needed = set(output_names(network)), set(self.decoder.parts)
        if found != needed:
            msg = f"architecture: {self.spec.architecture.uses!r} has the outputs "
            msg += f"{', '.join(sorted(found))}, and {self.spec.output.uses!r} needs "
            raise SpecError(msg + ", ".join(sorted(needed)))

    def check_weights(self) -> None:
        """Raise `UsageError` unless the requested weights exist, and their licence is allowed."""
        if self._weights == "default" and not self.spec.weights:
            own = self.spec.name
            trains = own if own in registry().models.names() else "SPEC.toml"
            msg = f"{own}: no trained weights; run `zoo train {trains}`"
            raise WeightsMissing(msg)
        name, tags = self.weights_name, [record.tag for record in self.spec.weights]
        record = self._record() if name is not None else None
        if name is not None and record is None and not Path(name).exists():
            from zoo.errors import did_you_mean

            msg = f"{self.spec.name}: no weights {name!r}; pass a file or one of its tags, "
            msg += f"{', '.join(tags) or '(none)'}."
            raise WeightsMissing(msg + did_you_mean(name, tags))
        if record is not None:
            check_record_licence(self.spec, record)
        elif name is not None and allowed_licences() is not None:
            _check_bundle_licence(bundle_path(Path(name)))

    def load_weights(self, network: Any) -> None:
        """Load the requested weights into a network of this model."""
        from zoo.backend.network import load_weights

        file, options = self._weights_file()
        record = self._record()
        load_weights(network, file, **options, lacks=record.lacks if record else ())

    def _record(self) -> WeightsRecord | None:
        """Return the record of the requested weights; None if they are a file."""
        return self._source[0]

    @functools.cached_property
    def _source(self) -> tuple[WeightsRecord | None, Path | None]:
        """The record of the requested weights, and the folder that its paths are relative to."""
        name = None if self._weights == "default" else self.weights_name
        record = self.spec.record(name)
        if record is None and name and not Path(name).exists():
            with contextlib.suppress(UnknownName):  # of another registered model
                spec, base, tag = find_spec(name)
                return (spec.record(tag) if tag else None), base
        return record, self.base

    def _read_weights(self, slots: Sequence[Slot]) -> Iterator[tuple[int, NDArray[Any]]]:
        """Yield the requested weights, each with its position in `slots`."""
        from zoo_weights.readers import read_weights

        file, options = self._weights_file()
        yield from read_weights(file, slots, **options)

    def _weights_file(self) -> tuple[Path, dict[str, Any]]:
        """Return the weights file, downloaded if need be, and the options to read it with."""
        from zoo.config import store
        from zoo.progress import download_progress

        self.check_weights()
        record = self._record()
        if record is None:
            path = Path(cast("str", self._weights))
            return bundle_path(path), {}
        file = store().fetch(record, base=self._source[1], progress=download_progress(record.name))
        return file, {"format": record.format, "ignore": record.ignore}

    @property
    def runner(self) -> Runner:
        """The compiled network; without Keras, where an earlier process cached its computation."""
        # A caller that took `keras` may have changed the network.
        if "keras" not in vars(self) and (cached := self._cached_runner) is not None:
            return cached
        return self._runner

    @functools.cached_property
    def _runner(self) -> Runner:
        return make_runner(self.keras)

    @functools.cached_property
    def _cached_runner(self) -> Runner | None:
        """The computation that an earlier process cached; None if this one builds the network."""
        from zoo.backend import keras_private

        record = self._record() if self.weights_name is not None else None
        fixed = self.weights_name is not None and not (record and record.lacks)
        if "keras" in sys.modules or not fixed or not keras_private.fast_paths_allowed():
            return None
        from zoo.accel.kept import NetworkCache, cached_runner

        self.check_weights()
        component = self.spec.architecture
        entry = registry().part("architectures", component)
        cache = NetworkCache(entry, component, self._offered(), self._read_weights)
        return cached_runner(cache, self.architecture, lambda: self._runner)

    # State

    @property
    def recurrent(self) -> bool:
        """Whether the network can open the states that it carries from step to step."""
        component = self.spec.architecture
        return "states" in options_of(registry().resolve("architectures", component))

    @functools.cached_property
    def stepper(self) -> Runner:
        """The network with its states as inputs and outputs, compiled."""
        from zoo.backend.carry import expose_states

        make = self.architecture(states=True)
        return make_runner(expose_states(self.keras, make, self.spec.state))

    @property
    def states(self) -> tuple[State, ...]:
        """The states that the network carries from step to step."""
        from zoo.backend.carry import states_of

        return states_of(self.stepper.network)

    # Answers

    def outputs(self, inputs: Tensors, *, batch_size: int = 32) -> Any:
        """Return the network's outputs for preprocessed inputs, NumPy in and NumPy out.

        One array, or an array for each output by name, where there are several.
        """
        return self.runner(inputs, batch_size=batch_size)

    def answers(self, outputs: Tensors, top: int | None = None) -> list[Any]:
        """Decode each row of the network's outputs.

        Parameters
        ----------
        outputs
            Of shape (rows, ...), as `outputs` returns them.
        top
            How many classes to name, for classifiers; all, if not given.

        Returns
        -------
        list
            For each row: predictions, best first, or a number or list of numbers; a dictionary of
            them by name, where there are several outputs; an `InputError` if it is not finite, or
            should be probabilities and is not.

        Raises
        ------
        SpecError
            If the network's units are not those that the decoder needs.
        """
        from zoo.parts.heads import decode_outputs

        return decode_outputs(self.spec, self.heads, outputs, top)


def make_runner(network: Any) -> Runner:
    """Return a network's runner: on OpenVINO its compiled graph, else Keras's."""
    from zoo.backend.choose import chosen_backend
    from zoo.backend.runner import Runner, inputs_of

    if plain() or chosen_backend() != "openvino":
        return Runner(network)
    from zoo.accel.openvino import compile_graph

    return Runner(network, compile_graph(network, inputs_of(network)))
