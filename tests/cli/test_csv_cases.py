"""CSV files as programs and people write them: through predict, train and evaluate alike."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from pathlib import Path

import pytest

from zoo_tabular import __file__ as tabular

PIMA = (Path(tabular).parent / "data" / "pima_diabetes.csv").read_text()
HEADER, *ROWS = PIMA.splitlines()[:9]
NAMES = HEADER.split(",")
PLAIN = "\n".join([HEADER, *ROWS, ""])
LONG = 131_072


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short training on the whole dataset."""
    import zoo

    return zoo.train("mlp-pima", epochs=3, output=tmp_path_factory.mktemp("run")).path


@pytest.fixture(scope="module")
def expected(run: Path) -> list[dict[str, object]]:
    """What the plain file gives."""
    import zoo

    rows = [dict(zip(NAMES, row.split(","), strict=True)) for row in ROWS]
    return [result.to_dict() for result in zoo.load(run).predict(rows)]


def quoted(text: str, separator: str = ",") -> str:
    lines = [line.split(",") for line in text.splitlines()]
    return "".join(separator.join(f'"{cell}"' for cell in line) + "\n" for line in lines)


def beside(name: str, cell: str) -> str:
    """The plain file with one more column, which no model asks for, before the others."""
    return "\n".join([f"{name},{HEADER}", *(f"{cell},{row}" for row in ROWS), ""])


GOOD = {
    "byte order mark": "\ufeff" + PLAIN,
    "mark and quotes": "\ufeff" + quoted(PLAIN),
    "semicolons": PLAIN.replace(",", ";"),
    "tabs": PLAIN.replace(",", "\t"),
    "bars, quoted": quoted(PLAIN, "|"),
    "CRLF": PLAIN.replace("\n", "\r\n"),
    "lone CR": PLAIN.replace("\n", "\r"),
    "no last line end": PLAIN.rstrip(),
    "blank lines": "\n  \n" + PLAIN.replace("\n", "\n\n") + "\n \n\t\n",
    "leading row of separators": ",,,\n" + PLAIN,
    "spaces": PLAIN.replace(",", ", "),
    "another order": "\n".join(",".join(reversed(row.split(","))) for row in PLAIN.split()),
    "line break in a cell": beside("note", '"two\nlines, ""quoted"""'),
    "line break in the header": beside('"a\nnote"', "x"),
    "separators in the header": beside('"a;b;c;d;e;f;g;h;i;j;k;l;m"', "x"),
    "separators in the header, semicolons": beside('"a,b"', "x").replace(",", ";").replace(
        '"a;b"', '"a,b,c,d,e,f,g,h,i,j,k,l,m"'
    ),
    "a row index without a name": beside("", "7"),
    "empty columns at the end": "\n".join(f"{row},," for row in PLAIN.split()),
    "NUL in another column": beside("note", "a\0b"),
}  # fmt: skip


@pytest.mark.parametrize("text", GOOD.values(), ids=GOOD)
def test_a_file_that_says_the_same(cli, run, expected, tmp_path, text):
    (tmp_path / "rows.csv").write_bytes(text.encode())
    done = cli("predict", run, "rows.csv", "--format", "jsonl")
    assert done.status == 0, done.err
    assert [json.loads(line) for line in done.out.splitlines()] == expected
    assert cli("predict", run, "-", "--format", "jsonl", stdin=text.encode()).out == done.out
    (tmp_path / "plain.csv").write_text(PLAIN)
    losses = cli("evaluate", run, "--data", "rows.csv", "--json")
    assert losses.out == cli("evaluate", run, "--data", "plain.csv", "--json").out
    done = cli("train", "mlp-pima", "--data", "rows.csv", "--epochs", "1", "-o", "new")
    assert done.status == 0, done.err


def packed(text: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("rows.csv", text)
    return file.getvalue()


BAD_FILES = {
    "empty": (b"", "is empty, expected a header line and rows"),
    "blank lines only": (b"\n \r\n,,\n", "is empty, expected a header line and rows"),
    "missing column": (
        PLAIN.replace("glucose", "glucos"),
        "column 'glucose' is missing; the table has pregnancies, glucos, blood_pressure",
    ),
    "no header": ("\n".join(ROWS), "is missing; the table has 6, 148, 72"),
    "name twice": (PLAIN.replace("insulin", "bmi"), "the header names 'bmi' more than once"),
    "Latin-1": (
        beside("note", "caf\xe9").encode("latin-1"),
        "is not UTF-8 text, it holds the byte 0xe9; save it as UTF-8",
    ),
    "UTF-16": (PLAIN.encode("utf-16"), "is not UTF-8 text, it holds the byte 0xff"),
    "UTF-16 without a mark": (
        PLAIN.encode("utf-16-le"),
        "the header holds a NUL byte, expected UTF-8 text",
    ),
    "gzip": (gzip.compress(PLAIN.encode()), "is a gzip file, expected CSV text; unpack it first"),
    "zip or Excel": (
        packed(PIMA),
        "is a zip or Excel file, expected CSV text; save it as CSV",
    ),
    "too long a cell": (
        beside("note", "x" * (LONG + 1)),
        "line 2: a cell is longer than 131,072 characters; is a quote left open?",
    ),
    "too long a header": (
        beside('"' + "x" * (LONG + 1), "x"),
        "line 1: a cell is longer than 131,072 characters; is a quote left open?",
    ),
}


@pytest.mark.parametrize(("content", "text"), BAD_FILES.values(), ids=BAD_FILES)
def test_a_file_that_is_no_table_of_these_columns(cli, run, tmp_path, content, text):
    content = content if isinstance(content, bytes) else content.encode()
    (tmp_path / "rows.csv").write_bytes(content)
    for arguments in (
        ("predict", run, "rows.csv"),
        ("evaluate", run, "--data", "rows.csv"),
        ("train", "mlp-pima", "--data", "rows.csv", "-o", "new"),
    ):
        done = cli(*arguments)
        assert (done.status, done.out) == (1, "")
        assert text in done.err
        assert "Traceback" not in done.err
        assert done.err.rstrip("\n").isprintable()
    done = cli("predict", run, "-", stdin=content)
    assert done.status == 1
    assert text in done.err
    assert not (tmp_path / "new").exists()


def test_a_header_alone(cli, run, tmp_path):
    (tmp_path / "rows.csv").write_text(HEADER + "\n")
    done = cli("predict", run, "rows.csv", "--format", "json")
    assert (done.status, json.loads(done.out)) == (1, [])
    assert done.err == "zoo: rows.csv: has no rows\n"
    for arguments in (("evaluate", run), ("train", "mlp-pima", "-o", "new")):
        done = cli(*arguments, "--data", "rows.csv")
        assert done.status == 1
        assert "rows.csv: has no rows below the header" in done.err


def changed(column: str, cell: str) -> str:
    cells = ROWS[1].split(",")
    cells[NAMES.index(column)] = cell
    return ",".join(cells)


BAD_ROWS = {
    "text": (changed("glucose", "high"), "column 'glucose' holds 'high', expected a finite number"),
    "empty": (changed("bmi", " "), "column 'bmi' is empty, expected a number"),
    "nan": (changed("bmi", "NaN"), "column 'bmi' holds 'NaN', expected a finite number"),
    "infinity": (changed("bmi", "-inf"), "column 'bmi' holds '-inf', expected a finite number"),
    "too large": (changed("age", "1e39"), "column 'age' holds '1e39', expected a finite number"),
    "NUL": (
        changed("age", "31\0"),
        "column 'age' holds '31\\x00', expected a finite number",
    ),
    "decimal comma": (
        changed("bmi", '"26,6"'),
        "column 'bmi' holds '26,6', expected a finite number with a decimal point",
    ),
    "decimal comma without quotes": (changed("bmi", "26,6"), "has 10 cells, the header has 9"),
    "line break": (
        changed("bmi", '"26\n.6"'),
        "column 'bmi' holds '26\\n.6', expected a finite number",
    ),
    "too few cells": ("1,2", "has 2 cells, the header has 9"),
    "only separators": (",,,,,,,,", "column 'pregnancies' is empty, expected a number"),
    "header again": (HEADER, "repeats the header"),
}  # fmt: skip


@pytest.mark.parametrize(("row", "text"), BAD_ROWS.values(), ids=BAD_ROWS)
@pytest.mark.parametrize("place", [1, 8])
def test_a_row_that_cannot_be_used(cli, run, expected, tmp_path, row, text, place):
    rows = [*ROWS[:place], row, *ROWS[place:]]
    (tmp_path / "rows.csv").write_bytes("\n".join([HEADER, *rows, ""]).encode())
    done = cli("predict", run, "rows.csv", "--format", "jsonl")
    records = [json.loads(line) for line in done.out.splitlines()]
    assert done.status == 1
    assert f"rows.csv: row {place}: {text}" in done.err
    assert records.pop(place) == {"row": place, "error": {"kind": "bad-row", "message": text}}
    assert [{**record, "row": None} for record in records] == [
        {**record, "row": None} for record in expected
    ]
    train = ("train", "mlp-pima", "-o", "new")
    for arguments in (("evaluate", run), train, (*train, "--set", "validation=0.5")):
        done = cli(*arguments, "--data", "rows.csv")
        assert (done.status, done.out) == (1, "")
        assert f"rows.csv: row {place}: {text}" in done.err
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("label", "text"),
    [("2", "unknown class '2'"), ("", "unknown class ''"), ("nan", "unknown class 'nan'")],
)
def test_a_target_that_is_no_class(cli, run, tmp_path, label, text):
    (tmp_path / "rows.csv").write_text("\n".join([HEADER, ROWS[0], changed("outcome", label)]))
    for arguments in (("evaluate", run), ("train", "mlp-pima", "-o", "new")):
        done = cli(*arguments, "--data", "rows.csv")
        assert (done.status, done.out) == (1, "")
        assert f"rows.csv: row 1: {text}, expected one of 0, 1" in done.err
    assert cli("predict", run, "rows.csv").status == 0  # nobody asks for the target


def test_a_quote_left_open_is_guessed(cli, run, tmp_path):
    """It takes the rows below with it: the only sign is a row of too few cells."""
    rows = [ROWS[0], '1,85,"66,29,0', *ROWS[1:]]
    (tmp_path / "rows.csv").write_text("\n".join([HEADER, *rows]))
    done = cli("predict", run, "rows.csv")
    assert done.status == 1
    assert "row 1: has 3 cells, the header has 9; is a quote left open?" in done.err


def test_several_files(cli, run, expected, tmp_path):
    (tmp_path / "a.csv").write_text(PLAIN)
    (tmp_path / "b.csv").write_text("\n".join([HEADER, "1,2", ROWS[0]]))
    done = cli("predict", run, "a.csv", "b.csv", "--format", "jsonl")
    records = [json.loads(line) for line in done.out.splitlines()]
    assert [record["row"] for record in records] == list(range(len(ROWS) + 2))
    assert records[: len(ROWS)] == expected
    assert records[-1]["score"] == pytest.approx(expected[0]["score"])
    assert "b.csv: row 0: has 2 cells" in done.err


def test_bad_rows_are_left_out_where_the_recipe_says_so(cli, tmp_path):
    rows = [ROWS[0], BAD_ROWS["text"][0], *ROWS[1:], "1,2", changed("outcome", "2")]
    (tmp_path / "rows.csv").write_text("\n".join([HEADER, *rows, ""]))
    (tmp_path / "plain.csv").write_text(PLAIN)
    skip = ("--set", "skip_bad_rows=true", "--epochs", "2")
    for name, run in (("rows.csv", "a"), ("plain.csv", "b")):
        done = cli("train", "mlp-pima", "--data", name, *skip, "-o", run)
        assert done.status == 0, done.err
    assert (tmp_path / "a/history.csv").read_text() == (tmp_path / "b/history.csv").read_text()
    told = [cli("evaluate", "a", "--data", name).out for name in ("rows.csv", "plain.csv")]
    figures = told[1].removesuffix("of 8 rows of plain.csv\n")
    assert figures
    assert told[0].startswith(f"{figures}of 8 rows it was trained on; rows.csv: row 1: ")
    assert told[0].endswith("; left out 3 of 11 rows\n")
