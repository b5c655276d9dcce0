"""What users of the plugin rely on: the images, the model, and what it learns."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import zoo
from click.testing import CliRunner

from zoo_shapes.drawing import CORNERS, command, draw, draw_folder


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> zoo.Run:
    """Train once on freshly drawn images."""
    folder = tmp_path_factory.mktemp("shapes")
    draw_folder(folder / "photos", count=200)
    return zoo.train("shapes", folder / "photos", output=folder / "run")


def test_the_command_draws_a_folder_of_each_shape(tmp_path: Path) -> None:
    result = CliRunner().invoke(command, [str(tmp_path / "photos"), "--count", "2"])
    assert result.output == f"6 images: {tmp_path / 'photos'}\n"
    found = sorted(str(file.relative_to(tmp_path)) for file in tmp_path.rglob("*.png"))
    assert found == [f"photos/{shape}/000{n}.png" for shape in sorted(CORNERS) for n in range(2)]


def test_a_seed_repeats_the_pictures_and_another_does_not(tmp_path: Path) -> None:
    for name, seed in (("first", 1), ("again", 1), ("other", 2)):
        draw_folder(tmp_path / name, count=1, seed=seed)
    first, again, other = (
        [(tmp_path / name / shape / "0000.png").read_bytes() for shape in CORNERS]
        for name in ("first", "again", "other")
    )
    assert first == again
    assert not set(first) & set(other)


def test_the_labels_of_the_model_are_the_shapes_drawn() -> None:
    assert zoo.get_spec("shapes").output.config["labels"] == sorted(CORNERS)


def test_the_network_has_the_declared_number_of_weights() -> None:
    spec = zoo.get_spec("shapes")
    assert zoo.get_model(spec, weights=None).keras.count_params() == spec.parameters


def test_the_model_knows_shapes_it_has_not_seen(run: zoo.Run, tmp_path: Path) -> None:
    draw_folder(tmp_path, count=50, seed=1)
    assert run.model.evaluate(tmp_path)["accuracy"] > 0.9


@pytest.mark.parametrize("shape", CORNERS)
def test_a_trained_model_says_which_shape(run: zoo.Run, shape: str) -> None:
    rng = random.Random(2)
    results = run.model.classify([draw(shape, rng) for _ in range(9)], top=1)
    said = [result.predictions[0].label for result in results]
    assert said.count(shape) >= 6
