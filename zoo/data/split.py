"""Splits of rows: which are trained on and which are held out."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, Any, cast

from msgspec.structs import replace

from zoo.errors import TrainingError
from zoo.numeric import number_of
from zoo.spec.model import Split

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    RowNumbers = NDArray[np.int64]


def permutation(rows: int, seed: int) -> RowNumbers:
    """Return the row numbers in the random order of a seed.

    It comes from NumPy's legacy generator, whose numbers are guaranteed not to change: published
    splits were drawn with it.
    """
    import numpy as np

    order: RowNumbers = np.random.RandomState(seed).permutation(rows)
    return order


def resolve_split(split: Split | float, seed: int) -> Split:
    """Return a split with its seed filled in: its own, or that of the run."""
    split = split if isinstance(split, Split) else Split(held=split)
    return replace(split, seed=seed if split.seed is None else split.seed)


def divide(
    rows: int,
    split: Split | float,
    *,
    seed: int,
    labels: Sequence[Any] = (),
    column: Sequence[Any] = (),
) -> tuple[RowNumbers, RowNumbers]:
    """Return the row numbers to train on and those held out.

    Parameters
    ----------
    rows
        Number of rows.
    split
        The rows to hold out; a number is a share in random order.
    seed
        Seed of the order if the split has none.
    labels
        The class of each row, for a stratified split.
    column
        The cells that a split sorts rows by.

    Raises
    ------
    TrainingError
        If either part would be empty, or the split lacks the classes or dates of the rows.
    """
    import numpy as np

    split = resolve_split(split, seed)
    held = split.held if isinstance(split.held, int) else round(rows * split.held)
    if held <= 0 or held >= rows:
        msg = f"holding out {split.held} of {rows} rows leaves one part empty"
        raise TrainingError(msg)
    if split.order in ("random", "stratified"):
        order = permutation(rows, cast("int", split.seed))
        if split.order == "stratified":
            order = _stratify(order, held, labels)
    else:
        order = np.arange(rows) if split.by is None else _sort(column, split)
    if split.order == "first":
        return order[held:], order[:held]
    return order[:-held], order[-held:]


def _sort(column: Sequence[Any], split: Split) -> RowNumbers:
    """Return the row numbers in the order of a column; equal rows keep theirs."""
    import numpy as np

    places = np.array([_place(cell, split.format) for cell in column])
    if not np.isfinite(places).any():
        shown = repr(column[0]) if len(column) else "no rows"
        msg = f"validation.by: {split.by!r} holds no date in any row, received {shown}"
        raise TrainingError(msg)
    order: RowNumbers = np.argsort(places, kind="stable")
    return order


def _place(cell: Any, written: str) -> float:
    """Return the place of a date or number on a line; that of nothing is before all others."""
    try:
        if not isinstance(cell, dt.date):
            if not written and (number := number_of(cell)) == number:
                return number
            text = str(cell).strip()
            cell = (
                dt.datetime.strptime(text, written) if written else dt.datetime.fromisoformat(text)
            )
        start = dt.datetime(1970, 1, 1)  # a place on the cells' own line
        moment = cell if isinstance(cell, dt.datetime) else dt.datetime.combine(cell, dt.time())
        return (moment.replace(tzinfo=None) - start).total_seconds()
    except (ValueError, TypeError, OverflowError):
        return float("-inf")


def _stratify(order: RowNumbers, held: int, labels: Sequence[Any]) -> RowNumbers:
    """Reorder rows so that the last `held` hold every class's share, give or take one."""
    import numpy as np

    if len(labels) != len(order):
        msg = "a stratified split needs the class of every row; hold rows out in random order"
        raise TrainingError(msg)
    classes = np.unique([str(label) for label in labels], return_inverse=True)[1]
    by_class = order[np.argsort(classes[order], kind="stable")]
    # Evenly spaced among rows sorted by class.
    chosen = by_class[(np.arange(held) * 2 + 1) * len(order) // (held * 2)]
    last = np.isin(order, chosen)
    return np.concatenate([order[~last], order[last]])


def folds(rows: int, count: int) -> list[tuple[RowNumbers, RowNumbers]]:
    """Return the rows to train on and those held out, by fold: consecutive, of equal size.

    Rows left over after an equal division are always trained on.

    Raises
    ------
    TrainingError
        If there are fewer rows than folds.
    """
    import numpy as np

    size = rows // count
    if size == 0:
        msg = f"{count} folds need at least {count} rows, received {rows}"
        raise TrainingError(msg)
    order = np.arange(rows)
    parts = [slice(start, start + size) for start in range(0, size * count, size)]
    return [(np.delete(order, part), order[part]) for part in parts]


def stratified_folds(labels: Sequence[Any], count: int) -> list[tuple[RowNumbers, RowNumbers]]:
    """Return the rows to train on and those held out, by fold, with every class in proportion.

    The first rows of each class are held out in the first fold, and so on; classes take turns over
    which fold gets an extra row. These are the folds of scikit-learn's ``StratifiedKFold`` without
    shuffling, which many published figures were measured with.

    Raises
    ------
    TrainingError
        If no class has as many rows as there are folds.
    """
    import numpy as np

    places: dict[Any, list[int]] = {}
    for row, label in enumerate(labels):
        # A row's several labels together are its class.
        places.setdefault(label if isinstance(label, Hashable) else str(label), []).append(row)
    if max(map(len, places.values()), default=0) < count:
        msg = f"{count} folds need a class of at least {count} rows, there are {len(labels)} rows"
        raise TrainingError(msg)
    # Dealt out class by class, the rows make folds of equal size, whatever the classes' sizes.
    dealt = [label for label, rows in places.items() for _ in rows]
    shares = [Counter(dealt[fold::count]) for fold in range(count)]
    fold_of = np.empty(len(labels), np.int64)
    for label, rows in places.items():
        fold_of[rows] = np.repeat(np.arange(count), [share[label] for share in shares])
    return [
        (np.flatnonzero(fold_of != fold), np.flatnonzero(fold_of == fold)) for fold in range(count)
    ]
