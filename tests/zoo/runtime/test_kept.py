"""Networks kept between processes: the same numbers without Keras, and never a stale one."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from places import MUG
from tiers import slow

import zoo
from zoo.registry.installed import Plugin
from zoo.registry.registry import registry
from zoo.registry.table import Entry
from zoo.runtime import exported, kept
from zoo.runtime.backend import chosen_backend
from zoo.runtime.kept import FOLDER, KeptNetwork, Place
from zoo_weights import WeightsError

pytestmark = pytest.mark.skipif(
    chosen_backend() != "jax", reason="those of OpenVINO are tested beside it"
)

LITE0 = "efficientnet-lite0"


@pytest.fixture
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of this test's own; returns the folder of networks."""
    monkeypatch.setenv("ZOO_HOME", str(tmp_path / "home"))
    return tmp_path / "home/cache" / FOLDER


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small trained model."""
    folder = tmp_path_factory.mktemp("run")
    return zoo.train("mlp-pima", epochs=1, seed=3, output=folder / "run").path / "model.zoo"


def network_of(model: zoo.Model) -> Any:
    return model.runner.network


CLASSIFY = """
import json, sys
import zoo
results = zoo.get_model("efficientnet-lite0").classify(sys.argv[1:], top=3)
heavy = {"keras", "tensorflow", "torch", "scipy"} & {m.partition(".")[0] for m in sys.modules}
print(json.dumps([[[p.index, p.score] for p in r.predictions] for r in results]), *sorted(heavy))
"""


def classify(*pictures: Path, **env: str) -> tuple[Any, list[str]]:
    """Return predictions and the heavy modules of a process of its own."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", CLASSIFY, *map(str, pictures)],
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    end = done.stdout.rindex("]") + 1
    return json.loads(done.stdout[:end]), done.stdout[end:].split()


def test_the_second_process_imports_no_keras(own_home: Path, shapes: Path) -> None:
    """It answers the same, and what it answers is computed: another picture, another answer."""
    first, heavy = classify(MUG)
    assert "keras" in heavy
    (file,) = own_home.iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    before = file.read_bytes()
    again, heavy = classify(MUG)
    assert heavy == []
    np.testing.assert_allclose(again, first, atol=1e-6)
    other, heavy = classify(shapes / "discs/0.png", MUG)
    assert heavy == []
    assert other[0] != other[1]
    np.testing.assert_allclose(other[1], first[0], atol=1e-5)  # in a batch of two
    assert [(f, f.read_bytes()) for f in own_home.iterdir()] == [(file, before)]


@pytest.mark.slow
def test_the_command_line_gains_too(own_home: Path, zoo_command: Any) -> None:
    """`zoo classify` and `zoo predict` are the processes that people wait for."""
    for command in (["classify", MUG, "-m", LITE0], ["predict", LITE0, MUG]):
        done = zoo_command(*command, env={"PYTHONPROFILEIMPORTTIME": "1"})
        assert done.stdout.startswith("coffee_mug (")
        assert ("| keras\n" in done.stderr) == (command[0] == "classify")


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("bundle", 1), ("bundle", 3), ("bundle", 21), (LITE0, 3),
        slow(LITE0, 1), slow(LITE0, 21),
    ],
)  # fmt: skip
def test_the_numbers_are_those_of_the_network(
    name: str, rows: int, own_home: Path, bundle: Path
) -> None:
    """Kept, read back, and plain: equal within 1e-6, whatever the batch."""

    def model() -> zoo.Model:
        return zoo.load(bundle) if name == "bundle" else zoo.get_model(name)

    first, second, plain = model(), model(), model()
    assert plain.keras is plain.runner.network
    shape = plain.preprocessor.shape
    inputs = np.random.default_rng(rows).normal(size=(rows, *shape)).astype("float32")
    expected = plain.outputs(inputs, batch_size=8)
    assert isinstance(network_of(first), KeptNetwork)
    np.testing.assert_allclose(first.outputs(inputs, batch_size=8), expected, atol=1e-6)
    np.testing.assert_allclose(second.outputs(inputs, batch_size=8), expected, atol=1e-6)
    assert isinstance(network_of(second), KeptNetwork)
    assert "keras" in first.__dict__
    assert "keras" not in second.__dict__
    assert second.outputs(inputs[:0]).shape == expected[:0].shape
    with pytest.raises(zoo.InputError, match="the network takes an array of shape"):
        second.outputs(inputs[0])


@pytest.mark.parametrize("name", ["lstm-alphabet-window", "rnn-mnist"])
def test_other_kinds_of_networks(name: str, own_home: Path, tmp_path: Path) -> None:
    """Recurrent and small ones, from a weights file."""
    file = saved(name, tmp_path)
    first = zoo.get_model(name, weights=file)
    rng = np.random.default_rng(0)
    inputs = rng.random((5, *first.preprocessor.shape), dtype=np.float32)
    plain = zoo.get_model(name, weights=file)
    expected = plain.keras.predict_on_batch(inputs)
    np.testing.assert_allclose(first.outputs(inputs), expected, atol=1e-6)
    second = zoo.get_model(name, weights=file)
    np.testing.assert_allclose(second.outputs(inputs), expected, atol=1e-6)
    assert isinstance(network_of(second), KeptNetwork)
    assert "keras" not in second.__dict__


def saved(name: str, folder: Path, seed: int = 0) -> Path:
    """Write random weights of a model."""
    from zoo.runtime.seeding import seeded

    file = folder / f"{name}-{seed}.weights.h5"
    with seeded(seed):
        zoo.get_model(name, weights=None).keras.save_weights(file)
    return file


def test_other_weights_are_other_numbers(own_home: Path, tmp_path: Path) -> None:
    """The weights are arguments of what is kept: every file of them is read, and checked."""
    inputs = np.ones((1, 28, 28), np.float32)
    one, other = (saved("mlp-mnist", tmp_path, seed) for seed in (1, 2))
    answers = []
    for file in (one, other, one):
        model = zoo.get_model("mlp-mnist", weights=file)
        answers.append(model.outputs(inputs.reshape(1, *model.preprocessor.shape)))
    np.testing.assert_array_equal(answers[0], answers[2])
    assert not np.allclose(answers[0], answers[1])
    assert len(list(own_home.iterdir())) == 1
    wrong = saved("cnn-mnist", tmp_path)
    with pytest.raises(WeightsError, match="does not hold this model's weights"):
        zoo.get_model("mlp-mnist", weights=wrong).outputs(inputs)


def test_who_asks_for_the_network_gets_it_and_may_change_it(own_home: Path, bundle: Path) -> None:
    """What is kept never answers for a network whose weights were changed by hand."""
    for model in (zoo.load(bundle), zoo.load(bundle)):  # the one that keeps, the one that reads
        inputs = np.ones((2, *model.preprocessor.shape), np.float32)
        before = model.outputs(inputs)
        layer = model.keras.layers[-1]
        layer.bias.assign(layer.bias.value + 3.0)
        assert not np.allclose(model.outputs(inputs), before)


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "other version"])
def test_a_damaged_file_is_made_anew(damage: str, own_home: Path, bundle: Path) -> None:
    """Without a word, and without its numbers."""
    inputs = np.ones((1, *zoo.load(bundle).preprocessor.shape), np.float32)
    expected = zoo.load(bundle).outputs(inputs)
    (file,) = own_home.iterdir()
    data = file.read_bytes()
    middle = len(data) // 2
    file.write_bytes(
        {
            "cut": data[:middle],
            "flipped": data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :],
            "empty": b"",
            "other version": resealed(b"\x81\xa5slots\xc0"),
        }[damage]
    )
    model = zoo.load(bundle)
    np.testing.assert_array_equal(model.outputs(inputs), expected)
    assert "keras" in model.__dict__
    assert len(file.read_bytes()) > middle
    assert "keras" not in read_again(bundle, inputs, expected).__dict__


def resealed(data: bytes) -> bytes:
    import hashlib

    return hashlib.sha256(data).digest() + data


def read_again(bundle: Path, inputs: Any, expected: Any) -> zoo.Model:
    model = zoo.load(bundle)
    np.testing.assert_array_equal(model.outputs(inputs), expected)
    return model


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="needs POSIX modes")
@pytest.mark.parametrize("how", ["file", "folder", "link"])
def test_what_others_could_have_written_is_not_used(how: str, own_home: Path, bundle: Path) -> None:
    """Compiled programs are code of whoever wrote them."""
    inputs = np.ones((1, *zoo.load(bundle).preprocessor.shape), np.float32)
    expected = zoo.load(bundle).outputs(inputs)
    (file,) = own_home.iterdir()
    if how == "file":
        file.chmod(0o620)
    elif how == "folder":
        own_home.chmod(0o770)
    else:
        file.rename(own_home.parent / "elsewhere")
        file.symlink_to(own_home.parent / "elsewhere")
    assert "keras" in read_again(bundle, inputs, expected).__dict__
    assert "keras" not in read_again(bundle, inputs, expected).__dict__


def no_weights() -> Any:
    msg = "JAX keeps one computation for all weights"
    raise AssertionError(msg)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Place]:
    """Return the place of a network whose code lies in a package of this test."""
    package = tmp_path / "kept_net"
    package.mkdir()
    (package / "__init__.py").write_text("def build(input_shape, units): ...\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.syspath_prepend(tmp_path / "program")  # the first folder is anybody's

    other = Plugin("parts", "kept_parts")
    (tmp_path / "kept_parts.py").write_text("")

    def make(version: str = "1.0", *, shape: Any = (3,), units: int = 2, **options: Any) -> Place:
        owner = Plugin("kept", "kept_net", "zoo-kept", version)
        entry = Entry("net", owner, "kept_net:build", package)
        offered = {"input_shape": shape, "units": units}
        component = zoo.Component("kept/net", **options)
        return Place(entry, component, offered, [owner, other], no_weights)

    return make


def test_whatever_decides_about_the_network_gives_another_name(
    place: Callable[..., Place], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Spec, shapes, fitted classes, the plugin's version and every file of its code."""
    names = [
        place().name,
        place("1.1").name,
        place(hidden=[8]).name,
        place(hidden=[8.0]).name,
        place(shape=(4,)).name,
        place(units=3).name,
    ]
    code = tmp_path / "kept_net/__init__.py"
    code.write_text(code.read_text() + "# a change\n")
    names.append(place().name)
    (tmp_path / "kept_net/part.py").write_text("")
    names.append(place().name)
    (tmp_path / "kept_parts.py").write_text("# another plugin, whose parts it may use\n")
    names.append(place().name)
    (tmp_path / "zoo_other-1.0.dist-info").mkdir()
    names.append(place().name)
    for setting, value in (("jax_enable_x64", True), ("jax_default_matmul_precision", "highest")):
        import jax

        before = getattr(jax.config, setting)
        jax.config.update(setting, value)
        names.append(place().name)
        jax.config.update(setting, before)
    monkeypatch.setattr(kept, "_keras_version", lambda: "4.0")
    names.append(place().name)
    assert len(set(names)) == len(names)
    assert place().name == place().name


def test_where_it_does_not_fit_the_network_is_built(
    own_home: Path, bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Random weights, and an installation without flatbuffers: nothing is kept, nothing is said."""
    random = zoo.get_model("mlp-mnist", weights=None)
    assert random.runner.network is random.keras
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name, *a: None if name == "flatbuffers" else found(name, *a),
    )
    model = zoo.load(bundle)
    assert model.runner.network is model.keras
    assert not own_home.exists()


def test_a_network_that_cannot_be_kept_is_tried_once(
    own_home: Path, bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The attempt costs a second; that it failed is what is kept."""
    attempts = []

    def fail(*_: Any) -> None:
        attempts.append(1)
        raise NotImplementedError

    monkeypatch.setattr(exported, "_written", fail)
    for _ in range(3):
        model = zoo.load(bundle)
        assert model.runner.network is model.keras
    assert len(attempts) == 1


def test_a_network_that_draws_at_every_call_is_not_kept(own_home: Path) -> None:
    """Its seed would be frozen, and every process would draw the same."""
    from zoo.runtime.backend import keras
    from zoo.runtime.network import slots

    module = keras()

    class Noisy(module.layers.Layer):  # type: ignore[misc,name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.seed = module.random.SeedGenerator(1)

        def call(self, inputs: Any) -> Any:
            return inputs + module.random.normal((4,), seed=self.seed)

    inputs = module.Input((4,))
    for layers, fits in ([module.layers.Dropout(0.5)], True), ([Noisy()], False):
        x = module.layers.Dense(4)(inputs)
        for layer in layers:
            x = layer(x)
        network = module.Model(inputs, x)
        if fits:
            assert exported._written(network, slots(network)).computation
        else:
            with pytest.raises(ValueError, match="its state changes with every call"):
                exported._written(network, slots(network))


def test_a_sequential_network_is_kept(own_home: Path) -> None:
    """It tells less of itself than a functional one."""
    from zoo.runtime.backend import keras
    from zoo.runtime.runner import Runner

    module = keras()
    network = module.Sequential([module.Input((4,)), module.layers.Dense(3)])
    _, found = exported.kept(network)
    inputs = np.ones((2, 4), np.float32)
    np.testing.assert_array_equal(Runner(found)(inputs), Runner(network)(inputs))
    assert found.output_shape == (None, 3)


def test_a_network_that_computes_with_copies_of_weights_is_not_kept(own_home: Path) -> None:
    """Those of the first weights file would stay in it."""
    from zoo.runtime.backend import keras
    from zoo.runtime.network import slots

    module = keras()
    layers = [module.Input((4,)), module.layers.Normalization(), module.layers.Dense(1)]
    network = module.Sequential(layers)
    with pytest.raises(ValueError, match="it computes without its weight 'mean'"):
        exported._written(network, slots(network))


def test_a_plugin_s_registered_callable_is_no_place(place: Callable[..., Place]) -> None:
    """Code without a name has no files that tell whether it changed."""
    entry = registry().part("architectures", zoo.Component("tabular/mlp"))
    offered = {"input_shape": (2,), "units": 1}
    assert Place(entry, zoo.Component("mlp"), offered, [], no_weights).usable
    odd = Entry("odd", entry.owner, lambda: None, entry.base)
    assert not Place(odd, zoo.Component("odd"), offered, [], no_weights).usable
