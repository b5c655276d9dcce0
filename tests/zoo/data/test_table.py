"""Tables as users have them: unusual CSV files, rows, frames."""

from __future__ import annotations

import io
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from zoo import InputError, Table
from zoo.data.table import join_tables, read_csv, stream_csv


def read(text: str) -> Table:
    return read_csv(io.StringIO(text, newline=""))


@pytest.mark.parametrize(
    "text",
    ["a,b\n1,2\n3,4\n", "a;b\r\n1;2\r\n3;4", "\ufeffa\tb\n1\t2\n\n3\t4\n", "\n\na|b\n1|2\n3|4\n"],
)
def test_separators_line_ends_marks_and_blank_lines(text: str) -> None:
    assert read(text).columns == {"a": ["1", "3"], "b": ["2", "4"]}


def test_a_quoted_cell_may_hold_anything() -> None:
    table = read('name,n\n"Doe, ""J""\nJr",1\n"",2\n')
    assert table.columns == {"name": ['Doe, "J"\nJr', ""], "n": ["1", "2"]}


def test_rows_of_another_width_are_problems_of_their_own() -> None:
    table = read("a,b\n1,2\n3\n4,5,6\n7,8\n")
    assert len(table) == 4
    assert table.problems == {
        1: "has 1 cells, the header has 2",
        2: "has 3 cells, the header has 2",
    }
    assert table.take([2, 0]).problems == {0: "has 3 cells, the header has 2"}


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("", "empty"),
        ("\n \n", "empty"),
        ("a,a\n1,2\n", "bad-header"),
        (f"a\n{'x' * 200_000}\n", "not-csv"),
    ],
)
def test_what_is_no_table(text: str, kind: str) -> None:
    with pytest.raises(InputError) as caught:
        read(text)
    assert caught.value.kind == kind


@pytest.mark.parametrize(
    ("lines", "problems"),
    [
        (
            [b"1,2", b"3,\xff", b"5,6"],
            {1: "is not UTF-8 text, it holds the byte 0xff"},
        ),
        ([b"1,2", b"3," + b"x" * 140_000, b"5,6"], {1: "line 3: a cell is longer than 131,072"}),
        ([b"1,2", b"3", b"5,6"], {1: "has 1 cells, the header has 2"}),
        (
            [b"1,2", b'3,"4', b"5,6", b"7,8"],
            {1: "has a quote that is never closed; 2 lines"},
        ),
        (
            [b"1,2", b'"3,4', b"5,6"],
            {1: "has 1 cells, the header has 2; is a quote left open? 1 line is lost with it"},
        ),
        ([b"1,2", b'"3', b'",4', b"5,6"], {}),
    ],
)
@pytest.mark.parametrize("size", [1, 2, 100])
@pytest.mark.parametrize("end", [b"", b"\n"])
def test_a_row_that_cannot_be_read_costs_that_row(
    lines: list[bytes], problems: dict[int, str], size: int, end: bytes
) -> None:
    data = b"\n".join([b"a,b", *lines]) + end
    table = join_tables(stream_csv(io.BytesIO(data), size))
    assert table.columns["a"][0] == "1"
    if "quote" not in str(problems):
        assert table.columns["a"][-1] == "5"
    assert table.problems.keys() == problems.keys()
    for row, text in problems.items():
        assert table.problems[row].startswith(text)
        assert table.columns["b"][row] is None


def test_rows_that_can_none_of_them_be_read_are_no_table() -> None:
    rows = b"".join(b"caf\xe9,%d\n" % number for number in range(20))
    with pytest.raises(InputError, match="is not UTF-8 text, it holds the byte 0xe9") as caught:
        read_csv(io.BytesIO(b"a,b\n" + rows))
    assert caught.value.kind == "not-text"
    table = read_csv(io.BytesIO(b"a,b\n" + rows + b"x,1\n"))
    assert list(table.problems) == list(range(20))


@pytest.mark.parametrize("head", [b"", b"a,b\n1,2\n"])
def test_a_line_without_an_end_is_not_read_into_memory(head: bytes) -> None:
    class Endless(io.RawIOBase):
        """The first bytes, and then zeros for ever."""

        start = head

        def readable(self) -> bool:
            return True

        def readinto(self, buffer: Any) -> int:
            taken = self.start[: len(buffer)]
            type(self).start = self.start[len(taken) :]
            buffer[:] = taken.ljust(len(buffer), b"\0")
            return len(buffer)

    tables: list[Table] = []
    with pytest.raises(InputError, match="more than 16,777,216 characters, expected CSV"):
        tables.extend(stream_csv(io.BufferedReader(Endless())))
    assert sum(map(len, tables)) == head.count(b"\n1")  # what came before it counts


def test_the_apostrophe_before_a_formula_is_left_out() -> None:
    rows = ["'=1+1,'-2", "'+3,'@x", '"\'\tx","\'\ry"', "'a,''=b", "it's,x'="]
    table = read("a,b\n" + "\n".join(rows))
    assert table.columns == {
        "a": ["=1+1", "+3", "\tx", "'a", "it's"],
        "b": ["-2", "@x", "\ry", "''=b", "x'="],
    }


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_other_encodings_are_named(encoding: str) -> None:
    with pytest.raises(InputError, match=r"expected UTF-8 text|save it as UTF-8") as caught:
        read_csv(io.BytesIO("a,b\n1,2\n".encode(encoding)))
    assert caught.value.kind == "not-text"


def test_a_header_alone_has_no_rows() -> None:
    assert len(read("a,b\n")) == 0


def test_a_long_file_takes_no_more_memory_than_a_short_one(tmp_path: Path) -> None:
    path = tmp_path / "long.csv"
    with path.open("w") as file:
        file.write("a,b\n")
        file.writelines(f"{i},{i}\n" for i in range(200_000))
    tracemalloc.start()
    rows = sum(len(chunk) for chunk in stream_csv(path, 1000))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert rows == 200_000
    assert peak < 2_000_000


class Frame:
    """What zoo needs of a pandas or polars frame."""

    columns = ("a", "b")
    shape = (2, 2)

    def __getitem__(self, name: str) -> list[int]:
        return {"a": [1, 3], "b": [2, 4]}[name]


@pytest.mark.parametrize(
    "rows",
    [
        [[1, 2], [3, 4]],
        np.array([[1, 2], [3, 4]]),
        [{"a": 1, "b": 2}, {"b": 4, "a": 3}],
        Frame(),
        Table({"a": [1, 3], "b": [2, 4]}),
    ],
)
def test_what_python_people_have(rows: object) -> None:
    table = Table.of(rows, ("a", "b"))
    assert [list(table.column(name)) for name in "ab"] == [[1, 3], [2, 4]]


def test_one_row_as_a_dict() -> None:
    assert Table.of({"a": 1}).columns == {"a": [1]}


@pytest.mark.parametrize("rows", [[[1, 2, 3]], "text", [1, 2], [[1], [1, 2]], None, 3])
def test_rows_that_do_not_fit(rows: object) -> None:
    with pytest.raises(InputError):
        Table.of(rows, ("a", "b"))


def test_a_missing_column_is_named_with_a_guess() -> None:
    with pytest.raises(InputError, match=r"column 'hight' is missing; .* Did you mean 'height'"):
        Table({"height": [1]}).column("hight")
