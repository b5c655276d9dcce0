"""``leaderboard.png`` of a tuning, drawn by a process of its own."""

from __future__ import annotations

import math
import sys
from pathlib import Path

from zoo.plots.tuning import draw_tuning
from zoo.spec.metrics import mode_of
from zoo.tuning.board import kept_in, results_in

PICTURE = "leaderboard.png"


def draw(folder: Path, path: Path | None = None) -> Path:
    """Draw the results of a tuning's folder and return the path of the picture.

    Parameters
    ----------
    folder
        The tuning's folder, with its ``tune.json``.
    path
        The picture, ``.png`` or ``.svg``; ``leaderboard.png`` in the folder if not given.
    """
    kept = kept_in(folder)
    told, metric = kept["identity"], kept["metric"]
    means = [(result, result.mean(metric)) for result in results_in(kept)]
    return draw_tuning(
        [
            (result.settings, mean)
            for result, mean in means
            if result.state == "finished" and math.isfinite(mean)
        ],
        told["grid"],
        path or folder / PICTURE,
        title=f"{told['spec']['name']}: mean {metric} of {told['folds']} folds",
        metric=metric,
        mode=kept.get("mode") or mode_of(metric),
        grid=told["search"] == "all",  # of a range there is no combination, so all are listed
    )


if __name__ == "__main__":
    draw(Path(sys.argv[1]))
