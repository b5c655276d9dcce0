"""``Model``: a spec with its weights, ready to be asked."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.inference.base import BaseModel
from zoo.parts.results import Classification, RowResult

if TYPE_CHECKING:
    from zoo.inference.evaluate import Figures
    from zoo.inference.generate import Generated
    from zoo.inference.session import Session

BATCH = 8
"""Pictures computed at once where the caller does not say; more take memory and no less time."""

ROWS = 1024
"""The same for rows of tables and texts."""


class Model(BaseModel):
    """A model that is asked; its network is built and its weights are loaded on first use.

    The parameters are those of `BaseModel`: a spec, which weights, and where its paths start.
    """

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
        from zoo.inference.session import Session

        return Session(self, sequences)

    def load_session(self, path: str | PathLike[str]) -> Session:
        """Return the session that `Session.save` wrote.

        Raises
        ------
        UsageError
            If the file is not a session, or one of another spec or other weights.
        """
        from zoo.inference.session import load_session

        return load_session(self, Path(path))

    def step(self, sessions: Sequence[Session], raws: Sequence[Any]) -> list[Any]:
        """Feed raw input to each of several sessions of this model in one call of its network.

        The sessions may be at whatever places of their sequences; see `Session.step`.
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
        from zoo.inference.generate import generate

        yield from generate(
            self, start, steps, warm=warm, temperature=temperature, seed=seed, session=session
        )

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
        from zoo.inference.bulk import classifications

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
        from zoo.inference.bulk import row_results

        usual = BATCH if self.preprocessor.kind == "image" else ROWS
        yield from row_results(self, inputs, batch_size=batch_size or usual)

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
        from zoo.inference.evaluate import measured

        return measured(self, data, target)[0]
