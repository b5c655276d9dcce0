"""``Dataset``: a named source of rows to learn from."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from zoo.spec.component import Name, Record, Seed
from zoo.spec.model import Split
from zoo_weights.records import FileRecord

Sha256 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$(?!\n)")]


class Dataset(Record, frozen=True, kw_only=True):
    """A named source of rows to learn from.

    Attributes
    ----------
    name
        What recipes call it.
    summary
        One line for people.
    kind
        ``"table"``: a CSV file with a header. ``"images"``: uint8 arrays of images with integer
        labels. ``"arrays"``: samples ``x`` and their labels ``y``, or ``x_train``, ``y_train``,
        ``x_test`` and ``y_test``. ``"tokens"``: texts as word numbers with integer labels.
        ``"letters"``: a text file, each line a sequence of letters.
    file
        Where its bytes are, and their hash.
    content
        SHA-256 over its arrays or cells (`zoo.data.labelled`): any file with this content is
        accepted, whatever its container.
    words
        For tokens: the JSON file with the rank of each word.
    target
        For tables: the column to learn.
    columns
        For tables: names of the feature columns.
    labels
        Names of the classes, in the order of the integer labels. For arrays, they are the labels of
        the rows.
    shuffle
        Seed of a fixed order that the rows are first put into, for datasets stored class by class.
    test
        Rows held out for testing, if the files have no test part of their own.
    licence, citation, sources
        Terms of use, whom to cite, where it comes from.
    """

    name: Name
    file: FileRecord
    kind: Literal["table", "images", "arrays", "tokens", "letters"] = "table"
    summary: str = ""
    content: Sha256 | None = None
    words: FileRecord | None = None
    target: str | None = None
    columns: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    shuffle: Seed | None = None
    test: Split | None = None
    licence: str = ""
    citation: str = ""
    sources: tuple[str, ...] = ()
