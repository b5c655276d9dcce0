"""The accuracy of a classifier of photos that has no recipe, over a folder of labelled photos."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from zoo.data.folder import read_folder
from zoo.errors import InputError, UsageError, did_you_mean
from zoo.inference.bulk import classifications
from zoo.inference.evaluate import Figures
from zoo.inference.measure import true_classes
from zoo.parts.base import Classifier

if TYPE_CHECKING:
    from zoo.inference.base import BaseModel

TOP = 5
"""The second figure is the share of photos whose class is among this many."""


class Judgement(NamedTuple):
    """The classes of photos.

    Attributes
    ----------
    figures
        Share of the photos whose class is the likeliest one, and among the likeliest five.
    true, predicted
        Index of the class of each photo that could be read.
    names
        Name of each of these classes.
    """

    figures: Figures
    true: list[int]
    predicted: list[int]
    names: dict[int, str]


def judge_photos(model: BaseModel, folder: Any, *, batch_size: int) -> Judgement:
    """Classify the photos of a folder, and compare their classes with the names of its subfolders.

    A subfolder that names no class and a photo that cannot be read cost only themselves: they are
    among the `failures` of the figures.

    Parameters
    ----------
    model
        A classifier of photos; it needs no recipe.
    folder
        Folder with one subfolder of photos per class, or several; a space in a name may stand for
        an underscore.
    batch_size
        Maximum number of photos computed at once.

    Raises
    ------
    UsageError
        If the model does not classify photos, or there is no folder.
    InputError
        If the folder cannot be used, or none of its photos.
    """
    decoder = model.decoder
    takes_photos = model.preprocessor.kind == "image"
    if not (takes_photos and isinstance(decoder, Classifier) and decoder.one_class):
        msg = f"{model.spec.name} has no recipe, so no loss or metrics to evaluate"
        raise UsageError(msg)
    if folder is None:
        msg = f"{model.spec.name} has no dataset of its own; pass --data FOLDER with one subfolder "
        raise UsageError(msg + "of photos per class")
    files, labels = read_folder(Path(folder), least=1)
    codes, names, failures = _classes_of(decoder, Path(folder), labels)
    labelled = zip(files, labels, strict=True)
    photos = [(file, codes[label]) for file, label in labelled if label in codes]
    true, predicted, found = [], [], 0
    paths = [file for file, _ in photos]
    with closing(classifications(model, paths, top=TOP, batch_size=batch_size)) as results:
        for (_, code), result in zip(photos, results, strict=True):
            if result.error:
                failures.append((result.input, result.error.message))
                continue
            best = result.predictions[0]
            names[best.index] = best.label
            true.append(code)
            predicted.append(best.index)
            found += code in [prediction.index for prediction in result.predictions]
    if not true:
        name, message = failures[0]
        msg = f"{folder}: has no photos that can be measured; {name}: {message}"
        raise InputError(msg, kind="no-rows")
    hits = sum(code == best for code, best in zip(true, predicted, strict=True))
    values = {"accuracy": hits / len(true)}
    if (decoder.units or 0) > TOP:
        values[f"top_{TOP}_accuracy"] = found / len(true)
    figures = Figures(values, "given", len(true), str(folder), failures=tuple(failures))
    return Judgement(figures, true, predicted, names)


def _classes_of(
    decoder: Classifier, folder: Path, labels: list[str]
) -> tuple[dict[str, int], dict[int, str], list[tuple[str, str]]]:
    """Return index and name of the class of each subfolder, and those that name none."""
    codes: dict[str, int] = {}
    names: dict[int, str] = {}
    failures: list[tuple[str, str]] = []
    for label in dict.fromkeys(labels):
        name = label
        targets, (error,) = decoder.encode([name])
        if error:
            name = label.replace(" ", "_")
            targets, (error,) = decoder.encode([name])
        if error is None:
            codes[label] = int(true_classes(targets)[0])
            names[codes[label]] = name
            continue
        message = error.message
        if error.kind == "unknown-class":  # its message may list a thousand others
            hint = did_you_mean(name, getattr(decoder, "labels", None) or ())
            message = f"no class is called {label!r}.{hint}"
        failures.append((str(folder / label), message))
    return codes, names, failures
