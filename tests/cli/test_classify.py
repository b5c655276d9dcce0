"""`zoo classify`: its output, for people and for scripts."""

from __future__ import annotations

import csv
import io
import json
import shutil
from pathlib import Path

import pytest
from PIL import Image
from places import IMAGES, MUG

import zoo


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder with two photos, a text file, a picture that is none, and one further down."""
    folder = tmp_path / "photos"
    (folder / "deeper").mkdir(parents=True)
    shutil.copy(MUG, folder / "a mug.png")
    shutil.copy(IMAGES / "coffee.png", folder / "deeper" / "coffee.PNG")
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 no picture")
    (folder / "notes.txt").write_text("not a picture's name")
    return folder


def test_one_picture_is_one_line(cli):
    done = cli("classify", MUG)
    assert (done.status, done.err) == (0, "")
    label, percent = done.out.strip().split(" ")
    assert label == "coffee_mug"
    assert percent.startswith("(76.")
    assert percent.endswith("%)")


def test_top_is_that_many_lines_best_first(cli):
    lines = cli("classify", MUG, "--top", "5").out.splitlines()
    scores = [float(line.rpartition("(")[2].rstrip("%)")) for line in lines]
    assert len(lines) == 5
    assert scores == sorted(scores, reverse=True)


def test_a_folder_in_order_with_a_bad_file_in_the_middle(cli, photos):
    done = cli("classify", photos)
    assert done.status == 1
    assert [line.rpartition(": ")[0] for line in done.out.splitlines()] == [
        str(photos / "a mug.png"),
        str(photos / "deeper" / "coffee.PNG"),
    ]
    assert "broken.jpg" in done.err
    assert "Traceback" not in done.err


def test_jsonl_has_a_record_for_each_input_in_order(cli, photos, tmp_path):
    names = [str(photos / "a mug.png"), "missing.png", str(photos / "broken.jpg"), "ftp://x/y.png"]
    done = cli("classify", *names, "--format", "jsonl", "--top", "2")
    records = [json.loads(line) for line in done.out.splitlines()]
    assert done.status == 1
    assert [record["input"] for record in records] == names
    assert all(
        list(record) == ["input", "model", "weights", "predictions", "error"] for record in records
    )
    good, *bad = records
    assert (good["model"], good["weights"], good["error"]) == (
        "efficientnet-lite0", "imagenet", None,
    )  # fmt: skip
    assert list(good["predictions"][0]) == ["index", "id", "label", "score"]
    assert (good["predictions"][0]["index"], good["predictions"][0]["id"]) == (504, "n03063599")
    assert all(record["predictions"] == [] for record in bad)
    assert [record["error"]["kind"] for record in bad] == ["not-found", "bad-image", "not-fetched"]


def test_json_is_the_same_records_in_a_list(cli, photos):
    arguments = ("classify", photos / "a mug.png", "missing.png", "--format")
    lines = cli(*arguments, "jsonl").out.splitlines()
    assert json.loads(cli(*arguments, "json").out) == [json.loads(line) for line in lines]


def test_csv_has_a_row_for_each_prediction(cli, photos):
    out = cli("classify", photos, "--format", "csv", "--top", "3").out
    rows = list(csv.DictReader(io.StringIO(out)))
    assert [row["rank"] for row in rows] == ["1", "2", "3", "1", "1", "2", "3"]
    assert rows[0]["label"] == "coffee_mug"
    assert rows[3]["error"]
    assert not rows[3]["label"]


def test_output_goes_to_a_file_whole(cli, photos, tmp_path):
    done = cli("classify", MUG, "--format", "json", "-o", tmp_path / "out.json")
    assert done.out == ""
    assert json.loads((tmp_path / "out.json").read_text())[0]["predictions"]
    assert [path.name for path in tmp_path.iterdir() if "out" in path.name] == ["out.json"]


def test_standard_input_globs_and_names_with_brackets(cli, tmp_path):
    shutil.copy(MUG, tmp_path / "mug[1].png")
    shutil.copy(MUG, tmp_path / "mug2.png")
    assert cli("classify", "-", stdin=MUG.read_bytes()).out.startswith("coffee_mug")
    assert len(cli("classify", "mug*.png").out.splitlines()) == 2
    assert cli("classify", "mug[1].png").out.startswith("coffee_mug")


def test_a_url_and_what_is_no_picture_behind_one(cli, server):
    good = server.page("/mug.png", MUG.read_bytes())
    text = server.page("/page.html", b"<html>")
    done = cli("classify", good, text, server.url + "/none.png", "--format", "jsonl")
    records = [json.loads(line) for line in done.out.splitlines()]
    assert done.status == 1
    assert records[0]["predictions"][0]["label"] == "coffee_mug"
    assert [record["error"] and record["error"]["kind"] for record in records] == [
        None, "not-an-image", "not-fetched",
    ]  # fmt: skip


def test_offline_refuses_urls_but_not_files(cli, server):
    url = server.page("/mug.png", MUG.read_bytes())
    done = cli("classify", MUG, url, "--offline")
    assert done.status == 1
    assert done.out.count("coffee_mug") == 1
    assert "offline" in done.err
    assert server.requests == []


def test_fail_fast_stops_at_the_first_bad_input(cli):
    done = cli("classify", "missing.png", MUG, "--fail-fast", "--batch-size", "1")
    assert (done.status, done.out) == (1, "")


def test_batches_do_not_change_the_result(cli, photos):
    files = [MUG, *sorted(IMAGES.glob("c*.png")), MUG, MUG]
    arguments = ["classify", *files, "--format", "jsonl"]
    one, many = (
        [json.loads(line)["predictions"][0] for line in cli(*arguments, *more).out.splitlines()]
        for more in (["--batch-size", "1"], ["--batch-size", "4"])
    )
    assert [p["label"] for p in one] == [p["label"] for p in many]
    assert [p["score"] for p in one] == pytest.approx([p["score"] for p in many], abs=1e-5)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["-m", "vgg166", MUG], "no model is called 'vgg166'. Did you mean 'vgg16'?"),
        (["-m", "mlp-pima", MUG], "does not classify images"),
        (["--top", "0", MUG], "0 is not in the range"),
        (["--format", "xml", MUG], "'xml' is not one of"),
        (["--weights", "imagnet", MUG], "Did you mean 'imagenet'?"),
        (["-m", "efficientnet-lite0.imagnet", MUG], "Did you mean 'imagenet'?"),
        (["--backend", "theano", MUG], "jax, tensorflow, torch"),
        (["--device", "tpu9", MUG], "cpu, gpu or gpu:N"),
        ([], "Missing argument"),
    ],
)
def test_wrong_usage_is_one_sentence_and_status_2(cli, arguments, text):
    done = cli("classify", *arguments)
    assert done.status == 2
    assert text in done.err
    assert done.out == ""


def test_an_empty_folder_is_wrong_usage(cli, tmp_path):
    (tmp_path / "empty").mkdir()
    done = cli("classify", "empty")
    assert done.status == 2
    assert "no images" in done.err


def test_a_picture_of_any_mode_and_size(cli, tmp_path):
    for number, (mode, size) in enumerate(
        [("1", (1, 1)), ("L", (3, 500)), ("RGBA", (224, 224)), ("CMYK", (50, 60)), ("P", (9, 9))]
    ):
        suffix = ".tiff" if mode == "CMYK" else ".png"
        Image.new(mode, size).save(tmp_path / f"{number}{suffix}")
    done = cli("classify", *sorted(tmp_path.glob("[0-9].*")))
    assert done.status == 0
    assert len(done.out.splitlines()) == 5


def test_configuration_chooses_the_model(cli, monkeypatch, tmp_path):
    from zoo.config import settings

    monkeypatch.setenv("ZOO_HOME", str(tmp_path / "home"))
    settings.cache_clear()
    try:
        (tmp_path / "home" / "config").mkdir(parents=True)
        (tmp_path / "home" / "config" / "config.toml").write_text('classify_model = "mlp-pima"')
        assert "mlp-pima does not classify images" in cli("classify", MUG).err
    finally:
        settings.cache_clear()


def test_a_setting_is_what_a_spec_of_ones_own_says(cli, tmp_path):
    """As `load_img` and many tutorials do it: the whole photo, squashed, single pixels."""
    spec = cli("show", "efficientnet-lite0", "--toml").out
    own = spec.replace("size = 224", 'size = 224\nresize = "squash"\ninterpolation = "nearest"')
    (tmp_path / "own.toml").write_text(own)
    settings = ("--set", "resize=squash", "--set", "interpolation=nearest", "--format", "jsonl")
    weights = ("--weights", "efficientnet-lite0.imagenet", "--format", "jsonl")
    by_setting = json.loads(cli("classify", MUG, *settings).out)
    by_spec = json.loads(cli("classify", MUG, "-m", "own.toml", *weights).out)
    plain = json.loads(cli("classify", MUG, "--format", "jsonl").out)
    assert by_setting["predictions"] == by_spec["predictions"] != plain["predictions"]
    model = zoo.get_model("efficientnet-lite0", settings=settings[1:4:2])
    assert model.classify(MUG, top=1)[0].predictions[0].score == pytest.approx(
        by_setting["predictions"][0]["score"], abs=1e-5
    )


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--set", "reszie=squash"], "has no such field. Did you mean 'resize'?"),
        (["--set", "resize=squish"], "'squish'"),
        (["--set", "epochs=3"], "has no training recipe"),
        (["-m", "none.toml"], "none.toml: cannot be read, No such file"),
        (["-m", "own.toml"], "own: no trained weights; run `zoo train SPEC.toml`"),
        (["-m", "wrong.toml"], "no architecture is called 'tabular/mlpp'"),
    ],
)
def test_what_settings_and_specs_of_ones_own_cannot_do(cli, tmp_path, arguments, text):
    spec = """
        name = "own"
        task = "image-classification"
        architecture = "tabular/mlp"
        input = "vision/image"
        output = "vision/classes"
    """
    (tmp_path / "own.toml").write_text(spec)
    (tmp_path / "wrong.toml").write_text(spec.replace("mlp", "mlpp"))
    done = cli("classify", MUG, *arguments)
    assert (done.status, done.out) == (2, "")
    assert text in done.err


def test_the_path_of_a_spec_is_a_model_everywhere(cli, tmp_path):
    text = cli("show", "mlp-pima", "--toml").out
    (tmp_path / "own.toml").write_text(text.replace('"mlp-pima"', '"own"'))
    assert cli("show", "own.toml", "--toml").out == (tmp_path / "own.toml").read_text()
    trained = cli("train", "own.toml", "--epochs", "1", "-o", "run").out
    for line in cli("evaluate", "own.toml", "--weights", "run/model.zoo").out.splitlines()[:2]:
        assert line in trained
    (tmp_path / "rows.csv").write_text("a\n1\n")
    assert "no trained weights" in cli("predict", "own.toml", "rows.csv").err
    assert "own.toml has no published weights" in cli("weights", "pull", "own.toml").err
    assert "no trained weights" in cli("generate", "own.toml", "--steps", "1").err
    done = cli("retrain", "own.toml", "--data", "rows.csv")
    assert done.status == 2
    assert "own.toml: a spec, not a trained model; expected a bundle or a run folder" in done.err


def test_what_was_trained_is_not_changed_by_settings(cli):
    cli("train", "mlp-pima", "--epochs", "1", "-o", "run")
    done = cli("classify", MUG, "-m", "run", "--set", "size=20")
    assert done.status == 2
    assert "run is used as it was trained; --set is for models by name or SPEC.toml" in done.err


def test_a_picture_stays_as_it_was(cli):
    before = MUG.read_bytes()
    cli("classify", MUG)
    assert MUG.read_bytes() == before
