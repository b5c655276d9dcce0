"""Writes what lies beside it: `python make.py` with the zoo of that day. It is not run again."""

from __future__ import annotations

import contextlib
import csv
import json
import os
import platform
import random
import shutil
import signal
import sys
from pathlib import Path

HERE = Path(__file__).parent
os.environ["KERAS_BACKEND"] = "jax"
sys.path.insert(0, str(HERE / "plugin"))
sys.argv = ["make.py"]
platform.platform = lambda *_, **__: platform.system()

import zoo  # noqa: E402
from zoo.registry.registry import registry  # noqa: E402
from zoo.training import checkpoint  # noqa: E402

checkpoint.LEAST, checkpoint.SHARE = 0.0, 1e9  # every epoch leaves a checkpoint
WORDS = {"good": 1.0, "fine": 1.0, "bad": -1.0, "poor": -1.0}


class Killed(BaseException):
    """The end of a process, as a training sees it."""


def kill():
    """End a training without a chance to tidy up."""
    raise Killed


def ended(end, epoch, train):
    """Train, and call `end` when epoch number `epoch` is over."""
    notify = registry().notify

    def tell(event, **values):
        if values.get("epoch") == epoch:
            end()
        notify(event, **values)

    registry().notify = tell
    with contextlib.suppress(Killed):
        train()
    registry().notify = notify


def reviews():
    """Write a table for the spec with two inputs."""
    draw = random.Random(0)
    with (HERE / "reviews.csv").open("w", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["stars", "review", "y"])
        for _ in range(60):
            words, stars = draw.sample(sorted(WORDS), 2), round(draw.uniform(0, 5), 1)
            rows.writerow([stars, " ".join(words), stars + sum(WORDS[word] for word in words)])


def pictures(folder):
    """Write a few pictures in two classes."""
    from PIL import Image

    draw = random.Random(0)
    for label, low in (("dark", 0), ("light", 150)):
        (folder / label).mkdir(parents=True)
        for number in range(6):
            colour = tuple(draw.randrange(low, low + 100) for _ in "rgb")
            Image.new("RGB", (20, 16), colour).save(folder / label / f"{number}.png")


def make():
    """Train everything, and write down what it answers."""
    os.chdir(HERE)
    for name in ("pictures", "trained", "expected.json"):
        shutil.rmtree(name) if Path(name).is_dir() else Path(name).unlink(missing_ok=True)
    reviews()
    pictures(Path("pictures"))
    runs = Path("trained")

    def train(folder, model, data=None, **options):
        return zoo.train(model, data, seed=1, output=runs / folder, **options)

    narrow = ["hidden=[4]"]
    half = ["validation={held=0.2, order='stratified', seed=1}"]
    train("pima", "mlp-pima", epochs=5)
    train("wine", "mlp-wine", epochs=3, settings=narrow)
    train("folds", "mlp-boston", epochs=2, folds=2, settings=narrow)
    train("leaves", "leaves")
    train("reviews", "reviews.toml", "reviews.csv")
    train("abc", "lstm-alphabet-stateful", epochs=60, settings=["widths=[12]"])
    train("words", "mlp-imdb", HERE / "texts.csv", target="label", epochs=4,
          settings=["words=40", "batch_size=8", "hidden=[4]"])  # fmt: skip
    train("photos", "pictures.toml", "pictures")
    train("synthetic", "mlp-synthetic", epochs=4, settings=half)
    zoo.retrain(runs / "synthetic", "synthetic-new", epochs=2, seed=1, output=runs / "update")
    zoo.ensemble([runs / "synthetic", runs / "update"], output=runs / "both")
    zoo.retrain(
        runs / "synthetic", "synthetic-new", ensemble=True, epochs=2, seed=1, output=runs / "grown"
    )

    ended(kill, 4, lambda: train("killed", "leaves"))
    ended(kill, 6, lambda: train("killed-reviews", "reviews.toml", "reviews.csv"))
    ended(lambda: signal.raise_signal(signal.SIGINT), 4, lambda: train("stopped", "leaves"))

    def tune(output, **options):
        return zoo.tune("mlp-synthetic", {"epochs": [1, 2], "batch_size": [50, 100]}, folds=2,
                        seed=1, output=output, **options)  # fmt: skip

    tune(runs / "tuned")
    shutil.copytree(runs / "tuned", runs / "killed-tuned")
    shutil.rmtree(runs / "killed-tuned" / "best")
    results = runs / "killed-tuned" / "tune.json"
    begun = json.loads(results.read_text())
    begun["results"] = begun["results"][:2]
    results.write_text(json.dumps(begun))

    abc = zoo.load(runs / "abc")
    session = abc.session()
    for letter in "ABCD":
        session.step(letter)
    session.save("abcd.session")
    answers = {
        "pima": [[6, 148, 72, 35, 0, 33.6, 0.627, 50], [1, 85, 66, 29, 0, 26.6, 0.351, 31]],
        "wine": [[7.4, 0.7, 0, 1.9, 0.076, 11, 34, 0.9978, 3.51, 0.56, 9.4]],
        "leaves": [{"length": 41.0, "width": 24.0}, {"length": 61.0, "width": 19.0}],
        "reviews": [{"stars": 3.0, "review": "good fine"}, {"stars": 1.0, "review": "poor"}],
        "abc": ["A", "K"],
        "words": ["a great film", "dull and awful"],
        "photos": ["pictures/dark/0.png", "pictures/light/1.png"],
    }
    rows = [[round(random.Random(n).gauss(0, 1), 2) for n in range(k, k + 20)] for k in range(3)]
    answers |= dict.fromkeys(("synthetic", "update", "both", "grown"), rows)
    expected = {
        name: {
            "inputs": inputs,
            "answers": [answer(result) for result in asked(zoo.load(runs / name), inputs)],
        }
        for name, inputs in answers.items()
    }
    letter = session.step("E")
    expected["abcd.session"] = {"inputs": ["E"], "answers": [answer(letter)]}
    Path("expected.json").write_text(json.dumps(expected, indent=1) + "\n")
    for picture in runs.rglob("*.png"):
        picture.unlink()


def asked(model, inputs):
    """Return what a model says of each input."""
    return (model.classify if model.preprocessor.kind == "image" else model.predict)(inputs)


def answer(result):
    """Return the numbers of one result, by name."""
    if hasattr(result, "predictions"):
        return {p.label: p.score for p in result.predictions}
    return result.probabilities or {"value": result.value}


if __name__ == "__main__":
    make()
