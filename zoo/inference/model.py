"""``Model``: a spec with its weights, ready to use; by its name, or from what a training wrote."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.display import html_table
from zoo.errors import UsageError
from zoo.inference.base import BaseModel
from zoo.parts.results import Classification, Results, RowResult
from zoo.parts.settings import apply_settings
from zoo.registry.registry import find_spec
from zoo.spec.model import ModelSpec

if TYPE_CHECKING:
    from zoo.inference.evaluate import Figures
    from zoo.inference.generate import GeneratedStep
    from zoo.inference.session import Session

IMAGE_BATCH = 8
"""Default number of images computed at once; more take more memory and no less time."""

ROW_BATCH = 1024
"""Default number of rows or texts computed at once."""


class Model(BaseModel):
    """A spec with weights, ready to use; the network is built and loaded on first use.

    The parameters are those of `BaseModel`.
    """

    def _repr_html_(self) -> str:
        spec = self.spec
        facts = {
            "task": spec.task,
            "about": spec.summary,
            "parameters": f"{spec.parameters:,}" if spec.parameters else None,
            "weights": self.weights_name,
            "licence": spec.licence,
        }
        return html_table([facts], title=repr(self))

    def session(self, sequences: int | None = None) -> Session:
        """Return a new session: one or several sequences that are fed step by step.

        Parameters
        ----------
        sequences
            How many sequences; as many as the first call feeds, if not given.

        Raises
        ------
        UsageError
            If the network has no state.
        """
        from zoo.inference.session import Session

        return Session(self, sequences)

    def load_session(self, path: str | PathLike[str]) -> Session:
        """Return the session that `Session.save` wrote.

        Raises
        ------
        UsageError
            If the file is not a session, or belongs to another spec or other weights.
        """
        from zoo.inference.session import load_session

        return load_session(self, Path(path))

    def step(self, sessions: Sequence[Session], raws: Sequence[Any]) -> list[Any]:
        """Feed raw input to each of several sessions of this model in one call of its network.

        The sessions may be at different positions of their sequences; see `Session.step`.
        """
        from zoo.inference.session import step

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
    ) -> Iterator[GeneratedStep]:
        """Continue a sequence: every answer is the next input.

        Parameters
        ----------
        start
            Text to feed first; may be empty if a session continues.
        steps
            Number of answers.
        warm
            Whether to feed everything that comes before `start` in the alphabet first.
        temperature
            0 takes the likeliest answer. Otherwise answers are sampled: by their probability at 1,
            closer to the likeliest below 1, more evenly above.
        seed
            Seed of the sampling.
        session
            The session to continue, which also stores this sequence; only for models trained with
            ``carry_state``.

        Yields
        ------
        GeneratedStep
            Input, output and probability of each step.
        """
        from zoo.inference.generate import generate

        yield from generate(
            self, start, steps, warm=warm, temperature=temperature, seed=seed, session=session
        )

    def classify(
        self, inputs: Any, *, top: int = 5, batch_size: int = IMAGE_BATCH
    ) -> Results[Classification]:
        """Classify images.

        Parameters
        ----------
        inputs
            Path, URL, bytes, Pillow image or uint8 array of shape (height, width, 3), or a list of
            them.
        top
            How many classes to name for each.
        batch_size
            Maximum number of images computed at once.

        Returns
        -------
        list of Classification
            One for each input, in order; a bad input has an error and no predictions. Its
            ``to_pandas()`` is a frame.
        """
        single = isinstance(inputs, str | bytes | PathLike) or not isinstance(inputs, Iterable)
        single = single or getattr(inputs, "ndim", 0) == 3
        items = [inputs] if single else list(inputs)
        return Results(self.stream(items, top=top, batch_size=min(batch_size, max(1, len(items)))))

    def stream(
        self, inputs: Iterable[Any], *, top: int | None = 5, batch_size: int = IMAGE_BATCH
    ) -> Generator[Classification]:
        """Yield a result for each image, in order, holding only a few batches in memory.

        Images are read in threads. Those of a list or another collection are read while earlier
        ones are computed; an iterator is read one batch at a time, since it may wait for the
        results.
        """
        from zoo.inference.bulk import classifications

        yield from classifications(self, inputs, top=top, batch_size=batch_size)

    def predict(self, inputs: Any, *, batch_size: int | None = None) -> Results[RowResult]:
        """Predict rows of a table, texts, images, or arrays.

        Parameters
        ----------
        inputs
            For tables: path of a CSV or parquet file, an open CSV file, a pandas or polars frame,
            a list of dicts, or a list (or 2-D array) of rows in the order of the model's columns.
            For texts: a text, a list of them (or of lists of word numbers), or the `Path` of a
            file with one text per line. For images: as `classify` takes them. For arrays: an
            array, a list of them, or the path of an npz, npy, CSV or parquet file. For several
            inputs also arrays by name.
        batch_size
            Maximum number of rows computed at once; 1024, or 8 images, if not given.

        Returns
        -------
        list of RowResult
            One for each row, in order; a bad row has an error. Its ``to_pandas()`` is a frame.
        """
        return Results(self.stream_rows(inputs, batch_size=batch_size))

    def stream_rows(self, inputs: Any, *, batch_size: int | None = None) -> Generator[RowResult]:
        """Yield a result for each row, in order, holding only a few batches in memory."""
        from zoo.inference.bulk import row_results

        default = IMAGE_BATCH if self.preprocessor.kind == "image" else ROW_BATCH
        return row_results(self, inputs, batch_size=batch_size or default)

    def evaluate(self, data: Any = None, *, target: str | Sequence[str] | None = None) -> Figures:
        """Return the loss and metrics of the recipe over labelled data.

        A classifier of photos without a recipe has its accuracy, and that among the likeliest five.

        Parameters
        ----------
        data
            As for training. If not given, the rows held out of the training:
            the test part of the dataset, else those held out of it; if there were none, all rows.
        target
            Target column or array, or several.

        Returns
        -------
        Figures
            A dict that also says which rows it is of: ``.rows``, ``.count``, ``.words``.

        Raises
        ------
        InputError
            If no data are given and those of the training are missing or have changed.
        """
        if self.spec.training is None:
            from zoo.inference.accuracy import judge_photos

            return judge_photos(self, data, batch_size=IMAGE_BATCH).figures
        from zoo.inference.evaluate import evaluate_data

        return evaluate_data(self, data, target).figures


def get_model(
    name: str | ModelSpec,
    *,
    weights: str | PathLike[str] | None = "default",
    settings: Sequence[str] = (),
) -> Model:
    """Return a model; its network is built and its weights are loaded on first use.

    Parameters
    ----------
    name
        Name of a model (``"vgg16"``, ``"vision/vgg16"``, ``"vgg16.imagenet"``), path of a
        ``SPEC.toml``, or a spec.
    weights
        Tag of one of its weights records, path of a weights file or bundle, ``"default"`` for the
        first record, or None for random weights.
    settings
        ``KEY=VALUE`` strings, as ``--set`` takes them.

    Raises
    ------
    UsageError
        If there is no such model or weights, or a setting is wrong.
    """
    if isinstance(name, ModelSpec):
        return Model(apply_settings(name, settings), weights=weights)
    spec, base, tag = find_spec(name)
    if tag and weights not in ("default", tag):
        msg = f"{name!r} names the weights {tag!r}, but received weights={weights!r}"
        raise UsageError(msg)
    return Model(apply_settings(spec, settings), weights=tag or weights, base=base)


def load(path: str | PathLike[str]) -> Model:
    """Return the model of a bundle or a run folder.

    Raises
    ------
    UsageError
        If the path is neither a bundle nor a run folder.
    zoo_weights.WeightsError
        If the file is not a bundle.
    """
    return Model.from_bundle(Path(path))
