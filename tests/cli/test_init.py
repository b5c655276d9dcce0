"""``zoo init``, and ``zoo train`` of data alone."""

from __future__ import annotations

from pathlib import Path

import pytest

TABLE = "size,colour,when,sold\n" + "".join(
    f"{place % 7},{'red' if place % 3 else 'blue'},2024-01-{1 + place % 28:02d},"
    f"{'yes' if place % 7 > 3 else 'no'}\n"
    for place in range(80)
)


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "shop.csv"
    path.write_text(TABLE, encoding="utf-8")
    return path


def test_a_spec_is_printed_or_written(cli, table: Path) -> None:
    printed = cli("init", "shop.csv", "--target", "sold")
    assert (printed.status, printed.err) == (0, "")
    assert 'size = "number"  # 0 to 6; 7 different: a category, if they are codes\n' in printed.out
    assert 'when = "date"  # 2024-01-01 to 2024-01-28\n' in printed.out
    written = cli("init", "shop.csv", "-o", "spec.toml")
    assert (written.status, written.out) == (0, "")
    assert written.err == (
        "zoo: wrote spec.toml; train it with: zoo train spec.toml --data shop.csv\n"
    )
    assert Path("spec.toml").read_text(encoding="utf-8") == printed.out
    again = cli("init", "shop.csv", "-o", "spec.toml")
    assert (again.status, again.err) == (
        2, "zoo: spec.toml exists already; name another file, or delete it\n",
    )  # fmt: skip


def test_data_alone_are_trained(cli, table: Path) -> None:
    cli("init", "shop.csv", "-o", "spec.toml")
    first = cli("train", "shop.csv", "--target", "sold", "--seed", "1", "--epochs", "3", "-o", "a")
    second = cli(
        "train", "spec.toml", "--data", "shop.csv", "--seed", "1", "--epochs", "3", "-o", "b"
    )
    assert first.status == second.status == 0
    assert first.out.replace("run: a", "run: b") == second.out
    table.write_text("size,colour,when\n3,green,\n,red,2025-01-01\n", encoding="utf-8")
    done = cli("predict", "a", "shop.csv")
    assert (done.status, len(done.out.splitlines())) == (0, 2)


@pytest.mark.parametrize(
    ("arguments", "status", "text"),
    [
        (("nosuch.csv",), 1, "nosuch.csv: "),
        (("shop.csv", "--target", "sodl"), 2, "Did you mean 'sold'?"),
        (("empty.csv",), 1, "empty.csv: is empty"),
        (("pipe",), 1, "pipe: needs at least two subfolders with images"),
    ],
)
def test_data_that_are_none(
    cli, table: Path, arguments: tuple[str, ...], status: int, text: str
) -> None:
    Path("empty.csv").touch()
    Path("pipe").mkdir()
    done = cli("init", *arguments)
    assert (done.status, done.out) == (status, "")
    assert text in done.err
