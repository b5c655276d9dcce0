"""Stand-ins for datasets that may not be shipped: the same formats, small and synthetic."""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

import zoo
from zoo.data.labelled import hash_arrays, hash_table
from zoo.data.table import read_csv
from zoo_weights import hash_file

DatasetFiles = Callable[[str], list[Path]]
"""Type of the fixture `dataset_files`: a dataset's name to its files."""

Made = tuple[list[Path], dict[str, Any]]
"""The files, and the fields of the dataset's record that differ from the real one."""

EARN = ["mln", "dlrs", "net", "profit", "shr", "vs", "qtr", "cts", "revs", "year"]


def make(name: str, folder: Path) -> Made:
    """Write a dataset's stand-in into a folder."""
    return MAKERS[name](folder)


def cereals(folder: Path) -> Made:
    """Write 77 rows near the published line; sugars are missing in one, as in the real table."""
    draw, path = random.Random(0), folder / "cereals.csv"
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["name", "calories", "protein", "fiber", "sugars"])
        for row in range(77):
            sugars, fiber, protein = draw.randint(0, 15), draw.randint(0, 9), draw.randint(1, 6)
            calories = round(89.2 + 2.54 * sugars) + (-1) ** row
            rows.writerow([f"cereal {row}", calories, protein, fiber, -1 if row == 57 else sugars])
    return [path], {"content": hash_table([read_csv(path)])}


def mnist(folder: Path) -> Made:
    """Write 2,000 and 400 digits of a font, shifted and dimmed."""
    draw = np.random.default_rng(0)
    font = ImageFont.load_default(22)
    arrays: dict[str, Any] = {}
    for part, rows in (("train", 2000), ("test", 400)):
        labels = draw.integers(0, 10, rows).astype(np.uint8)
        pixels = np.zeros((rows, 28, 28), np.uint8)
        for row, label in enumerate(labels):
            image = Image.new("L", (28, 28))
            place = (14 + int(draw.integers(-2, 3)), 14 + int(draw.integers(-2, 3)))
            ink = int(draw.integers(160, 256))
            ImageDraw.Draw(image).text(place, str(label), fill=ink, font=font, anchor="mm")
            pixels[row] = np.asarray(image)
        arrays |= {f"x_{part}": pixels, f"y_{part}": labels}
    return [_saved(folder / "mnist.npz", arrays)], {"content": hash_arrays(arrays)}


def imdb(folder: Path) -> Made:
    """Write 400 and 400 reviews, stored class by class."""
    words = [f"word{rank}" for rank in range(1, 301)]
    words[40:45] = ["great", "wonderful", "superb", "lovely", "moving"]
    words[45:50] = ["awful", "boring", "dull", "terrible", "lame"]
    draw = random.Random(0)
    arrays: dict[str, Any] = {}
    for part in ("train", "test"):
        labels = [0] * 200 + [1] * 200
        texts = []
        for label in labels:
            text = [draw.randint(1, 300) for _ in range(draw.randint(10, 40))]
            text = [rank for rank in text if not 41 <= rank <= 50]
            texts.append([*text, *draw.sample(range(41, 46) if label else range(46, 51), 2)])
        arrays |= _ragged(texts, labels, f"_{part}")
    return _tokens(folder, "imdb", arrays, words)


def reuters(folder: Path) -> Made:
    """Write 2,200 newswires; each topic has its own words, and earnings are the most frequent."""
    words = EARN + [f"topic{topic}word{number}" for topic in range(46) for number in range(5)]
    words += [f"word{rank}" for rank in range(300)]
    draw = random.Random(0)
    labels = [3 if draw.random() < 0.5 else draw.randrange(46) for _ in range(2200)]
    texts = []
    for label in labels:
        own = range(1, 11) if label == 3 else range(11 + 5 * label, 16 + 5 * label)
        text = [*draw.sample(own, 4), *(draw.randint(241, 540) for _ in range(12))]
        draw.shuffle(text)
        texts.append(text)
    arrays = _ragged(texts, labels, "")
    files, changes = _tokens(folder, "reuters", arrays, words)
    return files, {**changes, "test": zoo.Split(held=440, seed=113)}


def _ragged(texts: list[list[int]], labels: list[int], suffix: str) -> dict[str, Any]:
    return {
        f"x{suffix}_flat": np.array([rank for text in texts for rank in text], np.uint32),
        f"x{suffix}_offsets": np.cumsum([0, *map(len, texts)]),
        f"y{suffix}": np.array(labels),
    }


def _tokens(folder: Path, name: str, arrays: dict[str, Any], words: list[str]) -> Made:
    index = folder / f"{name}_word_index.json"
    index.write_text(json.dumps({word: rank for rank, word in enumerate(words, 1)}))
    record = zoo.FileRecord(
        urls=(f"https://example.invalid/{index.name}",), sha256=hash_file(index, "sha256")["sha256"]
    )
    files = [_saved(folder / f"{name}_ragged.npz", arrays), index]
    return files, {"content": hash_arrays(arrays), "words": record}


def _saved(path: Path, arrays: dict[str, Any]) -> Path:
    np.savez(path, **arrays)
    return path


MAKERS: dict[str, Callable[[Path], Made]] = {
    "cereals": cereals, "mnist": mnist, "imdb": imdb, "reuters": reuters,
}  # fmt: skip
