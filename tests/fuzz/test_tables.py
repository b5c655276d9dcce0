"""CSV with any damage, and files that `--resume` is pointed at."""

from __future__ import annotations

import io
import json
from pathlib import Path

import filelock  # noqa: F401  # imported before anything is watched
import pytest
from fuzzing import check_message, corpus, mutated, watched
from hypothesis import given
from hypothesis import strategies as st

import zoo
from zoo.config import home
from zoo.data.table import stream_csv
from zoo.errors import UsageError
from zoo_cli.resume import COLUMNS, resume_output

TABLES = [
    b"a,b,c\n1,2,3\n4,5,6\n",
    b'\xef\xbb\xbfx;y\r\n1;"2\r\n3"\r\n\r\n4;5\r\n',
    b"name\tvalue\n\xc3\xa9\t1e9\nn\xc3\xa3o\t-inf\n",
    b'a|b\n"""q"""|2\n"open|3\n',
    b"only\n1\n2\n",
    b"a,b\n" + b"1,2\n" * 2000,
]
TOKENS = (
    b'"', b'""', b",", b";", b"\n", b"\r", b"\r\n", b"\0", b"\xff", b"\xef\xbb\xbf", b"=cmd|", b"'",
    b"\xe2\x80\xa8", b"\x1f\x8b", b"PK\x03\x04", b"PAR1", b"," * 300, b'"' * 301, b"x" * 140_000,
)  # fmt: skip


def read(content: bytes) -> None:
    try:
        with watched():
            for table in stream_csv(io.BytesIO(content), rows=600):
                lengths = {len(cells) for cells in table.columns.values()}
                assert lengths <= {len(table)}
                assert set(table.problems) <= set(range(len(table)))
    except zoo.InputError as error:
        check_message(error)


@given(content=mutated(TABLES, TOKENS))
def test_any_csv(content: bytes) -> None:
    read(content)


@pytest.mark.parametrize("path", corpus("tables"))
def test_kept_tables(path: Path) -> None:
    read(path.read_bytes())


PREDICTION = {"index": 504, "id": "n03063599", "label": "coffee, mug", "score": 0.762}
RECORDS = [
    {"input": name, "model": "efficientnet-lite0", "weights": "imagenet",
     "predictions": [] if error else [PREDICTION], "error": error}
    for name, error in (("a.png", None), ('b "c"\n.png', None),
                        ("d.png", {"kind": "bad-image", "message": "is damaged"}))
]  # fmt: skip
JSONL = "".join(f"{json.dumps(record)}\n" for record in RECORDS).encode()
CSV = (
    f"{','.join(COLUMNS)}\n"
    'a.png,efficientnet-lite0,imagenet,1,504,n03063599,"coffee, mug",0.762,\n'
    '"b ""c""\n.png",efficientnet-lite0,imagenet,1,504,n03063599,mug,0.7,\n'
    "d.png,efficientnet-lite0,imagenet,1,,,,,is damaged\n"
).encode()
WORDS = (
    b"null", b"[" * 3000, b'"', b"\\ud800", b"{}", b"1e999", b"NaN", b",", b"\n", b"\0", b"\xff",
    b'"input": ', b'"predictions": []', b"efficientnet-lite1", b"true", b"9" * 5000,
)  # fmt: skip


@pytest.fixture(scope="module")
def model() -> zoo.Model:
    return zoo.get_model("efficientnet-lite0")


def resume(model: zoo.Model, path: Path, form: str) -> None:
    """A file is refused and stays as it is, or is continued after its last complete result."""
    before, locks = path.read_bytes(), home("cache") / "locks"
    locks.mkdir(parents=True, exist_ok=True)
    try:
        with (
            watched(path, locks),
            resume_output(model, str(path), form, top=1) as done,
        ):
            after = path.read_bytes()
            assert before.startswith(after)
            assert after.endswith(b"\n") or not after
            assert done.failed <= sum(done.inputs.values())
    except UsageError as error:
        check_message(error)
        assert path.read_bytes() == before


@given(data=st.data(), form=st.sampled_from(("jsonl", "csv")))
def test_any_file_to_resume(
    data: st.DataObject, form: str, model: zoo.Model, tmp_path: Path
) -> None:
    seeds = [JSONL, JSONL * 3] if form == "jsonl" else [CSV, CSV + CSV.partition(b"\n")[2]]
    path = tmp_path / "out"
    path.write_bytes(data.draw(mutated(seeds, WORDS)))
    resume(model, path, form)


@pytest.mark.parametrize("path", corpus("resume"))
def test_kept_files_to_resume(path: Path, model: zoo.Model, tmp_path: Path) -> None:
    copied = tmp_path / "out"
    copied.write_bytes(path.read_bytes())
    resume(model, copied, path.suffix[1:])
