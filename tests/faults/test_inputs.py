"""No input ends a job: hostile images, tables, folders and parts that raise."""

from __future__ import annotations

import io
import json
import os
import random
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hostile import HOSTILE, large_images, write_good, write_hostile
from own_parts import register
from PIL import Image as Pillow
from places import MUG
from tiers import slow

import zoo
from zoo.errors import InputError
from zoo_tabular import __file__ as tabular
from zoo_vision.image import Image

PIMA = (Path(tabular).parent / "data" / "pima_diabetes.csv").read_text()
HEADER, *ROWS = PIMA.splitlines()


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of tables, untrained but for one epoch."""
    return zoo.train("mlp-pima", epochs=1, seed=3, output=tmp_path_factory.mktemp("p") / "run").path


# Images


def image_spec(uses: str) -> zoo.ModelSpec:
    """Return a small classifier of images with this preprocessor."""
    return zoo.ModelSpec(
        name="small",
        task="image-classification",
        architecture=zoo.Component("vision/cnn", filters=[2]),
        input=zoo.Component(uses, size=8),
        output=zoo.Component("vision/classes"),
        training=zoo.Training(loss="sparse_categorical_crossentropy", epochs=1, batch_size=8),
    )


@pytest.fixture(scope="module")
def classifier(shapes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("small") / "run"
    return zoo.train(image_spec("vision/image"), shapes, seed=1, output=folder).path


@pytest.mark.parametrize(
    ("bad", "good", "name"), [(63, 8, None), slow(1000, 100, "efficientnet-lite0")]
)
def test_hostile_images_among_good_ones(
    zoo_command, classifier: Path, tmp_path: Path, bad: int, good: int, name: str | None
) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    write_hostile(folder, bad)
    names = {str(path.relative_to(tmp_path)) for path in write_good(folder, good)}
    done = zoo_command("classify", "images", "-m", name or classifier, "--format", "jsonl")
    records = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 1
    expected = sorted(str(path.relative_to(tmp_path)) for path in folder.iterdir())
    assert [record["input"] for record in records] == expected
    failed = [record for record in records if record["error"]]
    assert {record["error"]["kind"] for record in failed} <= {
        "empty", "not-an-image", "bad-image", "too-large",
    }  # fmt: skip
    lines = done.stderr.splitlines()  # nothing of the decoders' own
    counted = [int(line.split()[3]) for line in lines if line.startswith("zoo: … and ")]
    assert len(lines) - len(counted) + sum(counted) == len(failed) >= bad // 2
    assert all(line.startswith("zoo: ") for line in lines)
    model = zoo.get_model(name) if name else zoo.load(classifier)
    got = [record for record in records if record["input"] in names]
    assert len(got) == good
    for record in got:
        (best,) = record["predictions"]
        (alone,) = model.classify(tmp_path / record["input"], top=1)
        assert best["label"] == alone.predictions[0].label
        assert best["score"] == pytest.approx(alone.predictions[0].score, abs=1e-4)


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_image_is_an_image_or_an_error_and_says_nothing(kind: str, capfd) -> None:
    rng = random.Random(kind)
    part = Image(size=32)
    for format_ in ("PNG", "TIFF", "JPEG", "WEBP"):
        data = HOSTILE[kind](rng, format_)
        start = time.monotonic()
        tensors, (error,) = part.many([data])
        assert tensors.shape == (int(error is None), 32, 32, 3)
        if error is not None:
            assert error.kind in ("empty", "not-an-image", "bad-image", "too-large")
            assert error.message.isprintable()
        assert time.monotonic() - start < 10
    assert capfd.readouterr() == ("", "")


@pytest.mark.slow
def test_a_folder_of_large_images_stays_within_a_gibibyte(tmp_path: Path) -> None:
    """The peak of the whole process is compared with that of small images."""
    if not Path("/proc/self/statm").exists():
        pytest.skip("needs /proc to watch a process's memory")

    def peak(folder: Path) -> tuple[int, list[dict[str, Any]]]:
        command = "from zoo_cli.main import main; main()"
        output = tmp_path / "out.jsonl"
        with output.open("w") as file:
            process = subprocess.Popen(
                [sys.executable, "-c", command, "classify", str(folder), "--format", "jsonl"],
                stdout=file, stderr=subprocess.DEVNULL,
            )  # fmt: skip
        most = 0
        while process.poll() is None:
            pages = Path(f"/proc/{process.pid}/statm").read_text().split()
            most = max(most, int(pages[1]) if pages else 0)
            time.sleep(0.01)
        lines = output.read_text().splitlines()
        return most * os.sysconf("SC_PAGE_SIZE"), [json.loads(line) for line in lines]

    small, large = tmp_path / "small", tmp_path / "large"
    small.mkdir()
    large.mkdir()
    write_good(small, 2)
    files = list(large_images(large, 40))
    least, _ = peak(small)
    most, records = peak(large)
    print(f"{least / 2**20:.0f} MiB with small images, {most / 2**20:.0f} MiB with large ones")
    assert most - least < 1 << 30
    errors = {Path(r["input"]): r["error"] and r["error"]["kind"] for r in records}
    assert list(errors) == files
    assert {file.suffix for file, error in errors.items() if error} == {".webp"}
    assert {error for error in errors.values() if error} == {"too-large"}


def test_max_pixels(cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ZOO_MAX_PIXELS", raising=False)
    Pillow.new("RGB", (40, 30)).save(tmp_path / "a.png")
    done = cli("classify", "a.png", "--max-pixels", "1199", "--format", "jsonl")
    assert done.status == 1
    assert json.loads(done.out)["error"] == {
        "kind": "too-large", "message": "'a.png' has 40 x 30 pixels, more than 1,199",
    }  # fmt: skip
    assert cli("classify", "a.png", "--max-pixels", "1200").status == 0
    assert cli("classify", "a.png", "--max-pixels", "0").status == 2


# Folders and files


def test_a_folder_of_odd_things(cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "odd"
    folder.mkdir()
    (good,) = write_good(folder, 1)
    (folder / "circle.png").symlink_to("circle.png")
    (folder / "nowhere.png").symlink_to("missing.png")
    (folder / "again").symlink_to(folder)
    os.mkfifo(folder / "pipe.png")
    with socket.socket(socket.AF_UNIX) as unix:
        monkeypatch.chdir(folder)  # a socket's path must be short
        unix.bind("socket.png")
    monkeypatch.chdir(tmp_path)
    done = cli("classify", "odd", "--format", "jsonl")
    records = [json.loads(line) for line in done.out.splitlines()]
    kinds = {Path(r["input"]).name: r["error"] and r["error"]["kind"] for r in records}
    assert kinds == {good.name: None, "circle.png": "unreadable", "nowhere.png": "not-found"}
    assert done.status == 1


def test_ten_thousand_levels_of_folders(cli, tmp_path: Path, monkeypatch) -> None:
    """Their path is too long for the system: one record, and the others come."""
    (tmp_path / "deep").mkdir()
    (good,) = write_good(tmp_path / "deep", 1)
    try:
        monkeypatch.chdir(tmp_path / "deep")
        for _ in range(10_000):
            os.mkdir("d")
            os.chdir("d")
        monkeypatch.chdir(tmp_path)
        done = cli("classify", "deep", "--format", "jsonl")
        assert "Traceback" not in cli("classify", "deep/**/*.jpg").err
    finally:  # Python's own removal would recurse too deep
        subprocess.run(["rm", "-r", tmp_path / "deep"], check=True)
    first, second = (json.loads(line) for line in done.out.splitlines())
    assert (Path(first["input"]).name, first["error"]) == (good.name, None)
    assert second["error"]["kind"] == "unreadable"
    assert done.status == 1


@pytest.mark.parametrize("name", ["x" * 5000, "x" * 300 + ".png", "[" * 5000, "**/" * 500 + "*.x"])
def test_names_that_lead_nowhere(cli, name: str) -> None:
    done = cli("classify", name, "--format", "jsonl")
    (record,) = (json.loads(line) for line in done.out.splitlines())
    assert record["error"]["kind"] in ("not-found", "unreadable")
    assert done.status == 1


def test_what_is_no_file_is_refused_at_once(cli, run: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    names = {"pipe": "is a pipe", "folder": "is a folder", "/dev/zero": "is a device"}
    for name, text in names.items():
        start = time.monotonic()
        for arguments, status in (
            (("predict", run, name), 2),
            (("evaluate", run, "--data", name), 1),
            (("train", "mlp-pima", "-o", "new", "--data", name), 1),
        ):
            done = cli(*arguments)
            assert (done.status, done.out) == (status, "")
            assert f"{name}: {text}, expected a CSV or parquet file" in done.err
        assert time.monotonic() - start < 10


@pytest.mark.parametrize("name", ["pipe", "/dev/zero"])
@pytest.mark.parametrize(
    "command",
    [
        ("data", "add", "mnist"),
        ("data", "add", "imdb"),
        ("data", "add", "cereals"),
        ("train", "lstm-alphabet-stateful", "-o", "new", "--data"),
        ("classify", str(MUG), "--weights"),
    ],
    ids=lambda command: " ".join(command[:2]),
)
def test_what_may_never_end_is_no_dataset(
    cli, command: tuple[str, ...], name: str, tmp_path
) -> None:
    os.mkfifo(tmp_path / "pipe")
    done = cli(*command, name)
    assert (done.status, done.out) == (1, "")
    assert f"{name}: is a {'pipe' if name == 'pipe' else 'device'}, expected" in done.err


@pytest.mark.parametrize("command", ["train", "summary"])
def test_a_spec_that_may_never_end(cli, command: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.toml")
    (tmp_path / "zero.toml").symlink_to("/dev/zero")
    for name, kind in (("pipe.toml", "a pipe"), ("zero.toml", "a device")):
        done = cli(command, name)
        assert (done.status, done.out) == (2, "")
        assert f"{name}: is {kind}, expected a TOML file" in done.err


def test_a_pattern_among_links_in_circles(cli, tmp_path: Path) -> None:
    (folder := tmp_path / "loop" / "below").mkdir(parents=True)
    good = [path.name for path in write_good(folder, 2)]
    for name in ("a", "b"):
        (tmp_path / "loop" / name).symlink_to(".")
        (folder / name).symlink_to("..")
    for pattern in ("loop/**/*.*", "**/*.*", "l*/**/below/**/*.*", "loop/**"):
        done = cli("classify", pattern, "--format", "jsonl")
        names = [Path(json.loads(line)["input"]).name for line in done.out.splitlines()]
        assert [name for name in names if name not in ("a", "b")] == sorted(good), pattern


def test_standard_input_without_an_end(zoo_command, run: Path) -> None:
    endless = "import sys; sys.argv[1:] = {!r}; from zoo_cli.main import main; main()"
    for arguments, text in (
        (["classify", "-"], "standard input has more than 50,000,000 bytes; pass it as a file"),
        (["predict", str(run), "-"], "line 1 has more than 16,777,216 characters"),
    ):
        with open("/dev/zero", "rb") as zero:
            done = subprocess.run(
                [sys.executable, "-c", endless.format(arguments)],
                stdin=zero, capture_output=True, text=True, timeout=120, check=False,
            )  # fmt: skip
        assert done.returncode == 1
        assert text in done.stderr


# Tables


def test_a_bad_byte_far_down_costs_its_row(cli, run: Path, tmp_path: Path) -> None:
    rows = [ROWS[number % len(ROWS)].encode() for number in range(22_000)]
    rows[20_001] = rows[20_001].replace(b",", b",\xff", 1)
    (tmp_path / "rows.csv").write_bytes(b"\n".join([HEADER.encode(), *rows, b""]))
    done = cli("predict", run, "rows.csv", "--format", "jsonl")
    records = [json.loads(line) for line in done.out.splitlines()]
    assert done.status == 1
    assert [record["row"] for record in records] == list(range(22_000))
    (bad,) = (record for record in records if "error" in record)
    text = "is not UTF-8 text, it holds the byte 0xff; save it as UTF-8"
    assert bad == {"row": 20_001, "error": {"kind": "bad-row", "message": text}}


def test_rows_before_the_end_of_reading_are_answered(run: Path) -> None:
    class Failing(io.BytesIO):
        """A disk that fails below the first rows."""

        def read1(self, size: int | None = -1) -> bytes:
            if self.tell() > 8000:
                raise OSError(5, "Input/output error")
            return super().read1(1000)

    results = zoo.load(run).stream_rows(Failing(PIMA.encode()), batch_size=10)
    answered = []
    with pytest.raises(InputError, match="Input/output error"):
        answered.extend(results)
    text = PIMA[:9000]
    assert len(answered) >= text[:8000].count("\n") - 1
    assert not any(result.error for result in answered)


def test_a_file_that_cannot_be_used_does_not_end_the_others(cli, run: Path, tmp_path: Path) -> None:
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "header.csv").write_text(HEADER)
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    (tmp_path / "good.csv").write_text(f"{HEADER}\n{ROWS[0]}\n")
    done = cli("predict", run, "empty.csv", "header.csv", "other.csv", "good.csv", "-q")
    assert done.status == 1
    assert done.out.count("\n") == 1
    first, second, third = done.err.splitlines()
    assert first == "zoo: empty.csv: is empty, expected a header line and rows"
    assert second == "zoo: header.csv: has no rows"
    assert third.startswith("zoo: other.csv: column 'pregnancies' is missing")


# Parts


class Brittle(Image):
    """A preprocessor that fails at some images in ways of its own."""

    ERRORS = (
        ValueError("bad value\n\x1b[31m"), KeyError("x"), RecursionError(), ZeroDivisionError(),
        SystemExit(3), MemoryError(), FileNotFoundError(2, "No such file or directory", "a.bin"),
        PermissionError(13, "Permission denied", "a.bin"), InputError("bad", kind="own"),
    )  # fmt: skip

    def one(self, raw: Any) -> Any:
        if isinstance(raw, int):
            if raw < len(self.ERRORS):
                raise self.ERRORS[raw]
            return np.zeros((4, 4, 3), np.float32)
        return super().one(raw)


class BrittleBatches(Brittle):
    """The same, for batches: one bad image fails all of them."""

    def many(self, raws: Any) -> Any:
        return np.stack([self.one(raw) for raw in raws]), [None] * len(raws)


KINDS = [*["internal"] * 5, "too-large", "not-found", "unreadable", "own", "internal"]


@pytest.fixture
def brittle(
    classifier: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> zoo.Model:
    register(monkeypatch, "preprocessors", brittle=request.param)
    model = zoo.load(classifier)
    model.preprocessor = request.param(size=8)
    return model


@pytest.mark.parametrize("brittle", [Brittle, BrittleBatches], indirect=True)
def test_whatever_a_part_raises_is_the_error_of_that_input(
    brittle: zoo.Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = np.full((9, 9, 3), 7, np.uint8)
    inputs = [value for number in range(10) for value in (good, number)]
    results = brittle.classify(inputs, batch_size=8)
    assert [result.error and result.error.kind for result in results[1::2]] == KINDS
    assert all(result.predictions for result in results[::2])
    message = results[1].error.message  # type: ignore[union-attr]
    assert message.startswith("internal error in ")
    assert "Brittle" in message
    assert "ValueError: bad value \\x1b[31m; please report it to the authors of plugin 'own'" in (
        message
    )
    monkeypatch.setenv("ZOO_STRICT", "1")
    with pytest.raises(ValueError, match="bad value"):
        brittle.classify(inputs)


def test_an_unforeseen_error_of_zoo_says_how_to_report_it(monkeypatch, cli, tmp_path) -> None:
    def fail(self: Any, raw: Any) -> None:
        msg = "never thought of"
        raise AssertionError(msg)

    Pillow.new("RGB", (40, 30)).save(tmp_path / "a.png")
    monkeypatch.setattr(Image, "one", fail)
    done = cli("classify", "a.png", "--format", "jsonl")
    error = json.loads(done.out)["error"]
    assert error["kind"] == "internal"
    assert "zoo_vision.image.Image" in error["message"]
    assert error["message"].endswith(
        "AssertionError: never thought of; please report it to the authors of keras-zoo"
    )
    assert "Traceback" not in done.err
    assert "in fail" in cli("classify", "a.png", "-vv").err


def test_a_row_that_breaks_a_preprocessor_of_tables(run: Path, monkeypatch) -> None:
    from zoo_tabular.columns import Columns

    plain = Columns.many

    def fragile(self: Any, raws: Any) -> Any:
        if "boom" in raws.column("age"):
            msg = "boom"
            raise RuntimeError(msg)
        return plain(self, raws)

    monkeypatch.setattr(Columns, "many", fragile)
    rows = [dict(zip(HEADER.split(","), row.split(","), strict=True)) for row in ROWS[:9]]
    expected = zoo.load(run).predict(rows)
    rows[4] = {**rows[4], "age": "boom"}
    results = zoo.load(run).predict(rows)
    assert [result.error and result.error.kind for result in results] == [
        *[None] * 4, "internal", *[None] * 4,
    ]  # fmt: skip
    assert [r.score for n, r in enumerate(results) if n != 4] == pytest.approx(
        [r.score for n, r in enumerate(expected) if n != 4], abs=1e-6
    )
