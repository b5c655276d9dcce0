"""`zoo data`: which datasets are on this machine, and how they get there."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from made_up import DatasetFiles

from zoo.registry.registry import registry


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZOO_HOME", str(tmp_path / "home"))


def test_a_dataset_is_added_by_its_content_and_known_again(
    cli, dataset_files: DatasetFiles
) -> None:
    (file,) = dataset_files("mnist")
    records = {r["name"]: r for r in json.loads(cli("data", "list", "--json").out)}
    assert records["pima"]["here"]
    assert not records["mnist"]["here"]
    for _ in range(2):  # adding twice succeeds
        done = cli("data", "add", "mnist", file)
        assert done.status == 0, done.err
    place = cli("data", "where", "mnist").out.strip()
    assert Path(place).is_file()
    assert cli("data", "verify", "mnist").out == "mnist: ok\n"
    out = cli("data", "show", "mnist").out
    with np.load(file) as arrays:
        train, test = arrays["y_train"], arrays["y_test"]
    assert f"rows: train {len(train):,}, test {len(test):,}" in out
    counts = np.bincount(train)
    assert f"labels, train: 0 {counts[0]}, 1 {counts[1]}, " in out
    if len(train) == 60_000:
        assert (counts[0], counts[9]) == (5923, 5949)


def test_other_content_is_refused_and_not_stored(cli, tmp_path: Path) -> None:
    np.savez(tmp_path / "other.npz", x_train=np.zeros((2, 28, 28), np.uint8))
    done = cli("data", "add", "mnist", "other.npz")
    assert done.status == 1
    assert "is not mnist: expected the content 8fc8fc4f" in done.err
    assert not Path(cli("data", "where", "mnist").out.strip()).exists()
    (tmp_path / "text.npz").write_text("no npz")
    done = cli("data", "add", "mnist", "text.npz")
    assert done.status == 1
    assert "is not an npz file of plain arrays" in done.err


def test_a_damaged_copy_is_noticed(cli, dataset_files: DatasetFiles) -> None:
    cli("data", "add", "mnist", *dataset_files("mnist"))
    place = Path(cli("data", "where", "mnist").out.strip())
    arrays = dict(np.load(place))
    arrays["y_test"] = arrays["y_test"].copy()
    arrays["y_test"][0] += 1
    np.savez(place, **arrays)
    done = cli("data", "verify")
    assert done.status == 1
    content = registry().datasets.find("mnist").value.content
    assert f"mnist: wrong, expected {content[:8]}" in done.out


def test_tables_show_columns_types_and_ranges(cli) -> None:
    out = cli("data", "show", "pima").out
    assert "rows: train 768" in out
    assert "  pregnancies: integer, 0 to 17, mean 3.845" in out
    assert "target: outcome: integer, 0 to 1" in out
    report = json.loads(cli("data", "show", "pima", "--json").out)
    assert report["columns"][5]["type"] == "number"
    assert report["columns"][5]["missing"] == 0


def test_what_is_not_here_says_how_to_get_it(cli) -> None:
    done = cli("data", "show", "mnist", "--offline")
    assert done.status == 1
    assert "dataset 'mnist' is not here" in done.err
    assert "zoo data add mnist FILE" in done.err
    assert cli("data", "verify", "mnist").out == "mnist: not here\n"
    assert "Did you mean 'mnist'?" in cli("data", "show", "minst").err


def test_a_dataset_comes_from_a_mirror(
    cli, server, dataset_files: DatasetFiles, monkeypatch
) -> None:
    """The mirror has other bytes than the publisher: the hash of the file decides, not its name."""
    path = "/storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz"
    server.page(path, dataset_files("mnist")[0].read_bytes())
    monkeypatch.setenv("ZOO_MIRROR", server.url)
    monkeypatch.setattr("zoo_weights.fetch.random.uniform", lambda *_: 0.0)  # wait for nobody
    done = cli("data", "show", "mnist")
    assert done.status == 1
    assert "could not be fetched" in done.err
    assert any(asked == path for asked, _ in server.requests)


def test_a_sheet_of_samples(cli, dataset_files: DatasetFiles, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    from PIL import Image

    cli("data", "add", "mnist", *dataset_files("mnist"))
    assert cli("data", "show", "mnist", "--plot", "sheet.png").status == 0
    with Image.open(tmp_path / "sheet.png") as picture:
        assert picture.width > 300
    done = cli("data", "show", "pima", "--plot", "sheet2.png")
    assert done.status == 2
    assert "pima holds no images" in done.err


def test_what_a_killed_process_left_goes(cli, dataset_files: DatasetFiles) -> None:
    (file,) = dataset_files("mnist")
    place = Path(cli("data", "where", "mnist").out.strip())
    orphan = place.with_name(f".{place.name}.99-abcd.tmp")
    for command in (("verify",), ("add", "mnist", file)):
        place.parent.mkdir(parents=True, exist_ok=True)
        orphan.write_bytes(b"left")
        done = cli("data", *command)
        assert not orphan.exists()
        told = f"zoo: removed {orphan}, 4 bytes that a killed process left\n"
        assert done.err == (told if command == ("verify",) else "")
    assert {path.name for path in place.parent.iterdir()} == {place.name, f".{place.name}.lock"}
