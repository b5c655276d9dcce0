"""Which rows train and which are held out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zoo.errors import TrainingError
from zoo.spec.training import Split

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Rows = NDArray[np.int64]


def permutation(rows: int, seed: int) -> Rows:
    """Return the row numbers in the random order of a seed.

    The old generator of NumPy, whose numbers are promised not to change: published splits were
    drawn with it.
    """
    import numpy as np

    order: Rows = np.random.RandomState(seed).permutation(rows)
    return order


def divide(rows: int, split: Split | float, *, seed: int) -> tuple[Rows, Rows]:
    """Return the row numbers to train on and those held out.

    Parameters
    ----------
    rows
        How many there are.
    split
        What is held out; a number is a share in random order.
    seed
        Seed of the order where the split names none.

    Raises
    ------
    TrainingError
        If either part would be empty.
    """
    import numpy as np

    split = split if isinstance(split, Split) else Split(held=split)
    held = split.held if isinstance(split.held, int) else round(rows * split.held)
    if held <= 0 or held >= rows:
        msg = f"holding out {split.held} leaves one part of {rows} rows empty"
        raise TrainingError(msg)
    if split.order == "random":
        order = permutation(rows, seed if split.seed is None else split.seed)
    else:
        order = np.arange(rows)
    if split.order == "first":
        return order[held:], order[:held]
    return order[:-held], order[-held:]


def folds(rows: int, count: int) -> list[tuple[Rows, Rows]]:
    """Return the rows to train on and those held out of each fold: consecutive, of equal size.

    Rows left over after an equal division are always trained on.

    Raises
    ------
    TrainingError
        If there are fewer rows than folds.
    """
    import numpy as np

    size = rows // count
    if size == 0:
        msg = f"{count} folds need at least {count} rows, there are {rows}"
        raise TrainingError(msg)
    order = np.arange(rows)
    parts = [slice(start, start + size) for start in range(0, size * count, size)]
    return [(np.delete(order, part), order[part]) for part in parts]
