"""``leaderboard.png`` of a tuning, drawn in a separate process."""

from __future__ import annotations

import math
import sys
from pathlib import Path

from zoo.plots.tuning import draw_tuning
from zoo.spec.watch import mode_of
from zoo.tuning.board import parse_results, read_record

PICTURE = "leaderboard.png"


def draw(folder: Path, path: Path | None = None) -> Path:
    """Draw the results in a tuning's folder, and return the path of the picture.

    Parameters
    ----------
    folder
        The tuning's folder, with its ``tune.json``.
    path
        The picture, ``.png`` or ``.svg``; ``leaderboard.png`` in the folder if not given.
    """
    record = read_record(folder)
    identity, metric = record["identity"], record["metric"]
    means = [(result, result.mean(metric)) for result in parse_results(record)]
    return draw_tuning(
        [
            (result.settings, mean)
            for result, mean in means
            if result.state == "finished" and math.isfinite(mean)
        ],
        identity["grid"],
        path or folder / PICTURE,
        title=f"{identity['spec']['name']}: {metric}, mean of {identity['folds']} folds",
        metric=metric,
        mode=record.get("mode") or mode_of(metric),
        grid=identity["search"] == "all",  # draws from ranges are not a grid
    )


if __name__ == "__main__":
    draw(Path(sys.argv[1]))
