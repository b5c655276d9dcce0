"""Tables in files other than CSV."""

from __future__ import annotations

from pathlib import Path

import pytest

from zoo.data.table import join_tables, stream_table
from zoo.errors import InputError


def test_parquet_comes_in_pieces(tmp_path: Path) -> None:
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame({"x": list(range(25)), "name": [f"row {i}" for i in range(25)]})
    frame.write_parquet(tmp_path / "rows.parquet")
    pieces = list(stream_table(tmp_path / "rows.parquet", 10))
    assert [len(piece) for piece in pieces] == [10, 10, 5]
    table = join_tables(pieces)
    assert table.columns["x"] == list(range(25))
    assert table.columns["name"][-1] == "row 24"
    frame.head(0).write_parquet(tmp_path / "empty.parquet")
    assert [len(piece) for piece in stream_table(tmp_path / "empty.parquet")] == [0]


def test_what_is_no_parquet(tmp_path: Path) -> None:
    pytest.importorskip("polars")
    (tmp_path / "text.parquet").write_text("a,b\n1,2\n")
    for name, kind in (("text.parquet", "not-parquet"), ("none.parquet", "not-found")):
        with pytest.raises(InputError) as caught:
            list(stream_table(tmp_path / name))
        assert caught.value.kind == kind
        assert name in str(caught.value)


def test_without_polars_the_line_that_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "polars", None)
    with pytest.raises(InputError, match=r"pip install 'keras-zoo\[tables\]'"):
        list(stream_table(tmp_path / "rows.parquet"))
