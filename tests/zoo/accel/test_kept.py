"""Networks kept between processes: the same numbers without Keras, and never a stale one.

`tests/differential/test_answering.py` compares awkward networks with Keras.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from places import MUG
from tiers import slow

import zoo
from zoo.accel import exported
from zoo.accel.kept import FOLDER, NetworkCache
from zoo.backend.choose import chosen_backend, keras
from zoo.backend.runner import Runner
from zoo.registry import sources
from zoo.registry.entries import Entry
from zoo.registry.loading import Plugin
from zoo_weights import read_weights

pytestmark = pytest.mark.skipif(
    chosen_backend() != "jax", reason="those of OpenVINO are tested beside it"
)

LITE0 = "efficientnet-lite0"


@pytest.fixture
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of this test's own; returns the folder of networks."""
    monkeypatch.setenv("ZOO_HOME", str(tmp_path / "home"))
    return tmp_path / "home/cache" / FOLDER


def process(code: str, *arguments: Any, **env: str) -> Any:
    """Run code in a process of its own; return what it printed as JSON."""
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


OUTPUTS = """
import json, sys
import numpy as np
import zoo
name, file = sys.argv[1:]
model = zoo.load(file) if name == "bundle" else zoo.get_model(name, weights=file)
shape = model.preprocessor.shape
rng = np.random.default_rng(0)
batches = [rng.random((rows, *shape), "float32") for rows in (1, 3, 21, 0)]
outputs = [model.outputs(batch, batch_size=8).tolist() for batch in batches]
print(json.dumps([outputs, "keras" in sys.modules]))
"""


def outputs(name: str, file: Any, **env: str) -> tuple[Any, bool]:
    """Return a model's outputs, and whether Keras was imported for them."""
    found, heavy = process(OUTPUTS, name, file, **env)
    return np.concatenate([np.array(rows) for rows in found if rows]), heavy


def saved(name: str, folder: Path, seed: int = 0) -> Path:
    """Write random weights of a model."""
    from zoo.backend.seeding import temporary_seed

    file = folder / f"{name}-{seed}.weights.h5"
    with temporary_seed(seed):
        zoo.get_model(name, weights=None).keras.save_weights(file)
    return file


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of mlp-mnist."""
    return saved("mlp-mnist", tmp_path_factory.mktemp("weights"))


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory, weights: Path) -> tuple[Path, Any]:
    """A home in which a first process kept mlp-mnist, and its outputs."""
    home = tmp_path_factory.mktemp("home")
    found, heavy = outputs("mlp-mnist", weights, ZOO_HOME=str(home))
    assert heavy
    return home, found


@pytest.fixture
def home(first: tuple[Path, Any], own_home: Path) -> Path:
    """A copy of that home; returns the file of the network."""
    shutil.copytree(first[0], own_home.parents[1])
    (file,) = own_home.iterdir()
    return file


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
    "name",
    ["bundle", slow(LITE0), slow("lstm-alphabet-window"), slow("rnn-mnist")],
)
def test_the_numbers_are_those_of_the_network(name: str, own_home: Path, tmp_path: Path) -> None:
    """The first process, the second one and a plain one: equal within 1e-6, whatever the batch."""
    if name == "bundle":
        file: Any = zoo.train("mlp-pima", epochs=1, seed=3, output=tmp_path / "run").path
    else:
        file = "imagenet" if name == LITE0 else saved(name, tmp_path)
    expected, _ = outputs(name, file, ZOO_PLAIN="1")
    assert not own_home.exists()
    for heavy in (True, False):
        found, imported = outputs(name, file)
        assert imported == heavy
        np.testing.assert_allclose(found, expected, atol=1e-6)


def test_other_weights_are_other_numbers(
    home: Path, first: tuple[Path, Any], weights: Path, tmp_path: Path
) -> None:
    """The weights are arguments of what is kept: every file of them is read, and checked."""
    found, heavy = outputs("mlp-mnist", saved("mlp-mnist", tmp_path, 2))
    assert not heavy
    assert not np.allclose(found, first[1])
    again, _ = outputs("mlp-mnist", weights)
    np.testing.assert_allclose(again, first[1], atol=1e-6)
    with pytest.raises(AssertionError, match="does not hold this model's weights"):
        outputs("mlp-mnist", saved("cnn-mnist", tmp_path))
    assert [*home.parent.iterdir()] == [home]


CHANGED = """
import json, sys
import numpy as np
import zoo
model = zoo.get_model("mlp-mnist", weights=sys.argv[1])
inputs = np.ones((2, *model.preprocessor.shape), np.float32)
before, light = model.outputs(inputs), "keras" not in sys.modules
layer = model.keras.layers[-1]
layer.bias.assign(layer.bias.value + np.arange(10.0))
print(json.dumps([light, bool(np.allclose(model.outputs(inputs), before))]))
"""


def test_who_asks_for_the_network_gets_it_and_may_change_it(home: Path, weights: Path) -> None:
    """What is kept never answers for a network whose weights were changed by hand."""
    assert process(CHANGED, weights) == [True, False]


def resealed(data: bytes) -> bytes:
    return hashlib.sha256(data).digest() + data


@pytest.mark.parametrize("damage", ["flipped", slow("cut"), slow("empty"), "other version"])
def test_a_damaged_file_is_made_anew(
    damage: str, home: Path, first: tuple[Path, Any], weights: Path
) -> None:
    """Without a word, and without its numbers."""
    data = home.read_bytes()
    middle = len(data) // 2
    home.write_bytes(
        {
            "cut": data[:middle],
            "flipped": data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :],
            "empty": b"",
            "other version": resealed(b"\x81\xa5slots\xc0"),
        }[damage]
    )
    found, heavy = outputs("mlp-mnist", weights)
    assert heavy
    np.testing.assert_allclose(found, first[1], atol=1e-6)
    assert len(home.read_bytes()) > middle
    assert not outputs("mlp-mnist", weights)[1]


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="needs POSIX modes")
@pytest.mark.parametrize("how", ["file", slow("folder"), slow("link")])
def test_what_others_could_have_written_is_not_used(how: str, home: Path, weights: Path) -> None:
    """Compiled programs are code of whoever wrote them."""
    if how == "file":
        home.chmod(0o620)
    elif how == "folder":
        home.parent.chmod(0o770)
    else:
        elsewhere = home.rename(home.parents[1] / "elsewhere")
        home.symlink_to(elsewhere)
    assert outputs("mlp-mnist", weights)[1]
    assert not outputs("mlp-mnist", weights)[1]


# Whose answers change with what

CODE = """
import zoo

@zoo.hookimpl
def register_architectures(register):
    register("net", "pure_net.build:build", pure=["pure-helper"])
    register("other", "pure_net.build:build_by_variable")

@zoo.hookimpl
def register_models(register):
    for name in ("net", "other"):
        register(zoo.ModelSpec(
            name=f"pure-{name}", task="tabular-regression", architecture=name,
            input=zoo.Component("tabular/columns", columns=["a"]), output="tabular/value",
        ))
"""
BUILD = """
import os
from pathlib import Path

def build(input_shape, extra=0.0):
    import keras
    import pure_helper
    from pure_more import more
    data = float((Path(__file__).parent / "factor.data").read_text())
    inputs = keras.Input(input_shape)
    outputs = keras.layers.Dense(1, use_bias=False, kernel_initializer="ones")(inputs)
    return keras.Model(inputs, outputs * (1 + data + pure_helper.factor + more + extra))

def build_by_variable(input_shape):
    return build(input_shape, float(os.environ["PURE_FACTOR"]))
"""
ANSWER = """
import json, sys
import numpy as np
import zoo
model = zoo.get_model(sys.argv[1], weights=sys.argv[2])
found = model.outputs(np.ones((1, 1), "float32"))
print(json.dumps([found.item(), "keras" in sys.modules]))
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """Two distributions, one that depends on the other, as pip installs them."""
    site = tmp_path / "site"
    packages = {
        "pure_net": {
            "pure_net/__init__.py": CODE, "pure_net/build.py": BUILD,
            "pure_net/factor.data": "0", "pure_more.py": "more = 0\n",
        },
        "pure_helper": {"pure_helper/__init__.py": "factor = 0\n"},
    }  # fmt: skip
    for name, files in packages.items():
        info = f"{name}-1.0.dist-info"
        files[f"{info}/METADATA"] = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
        if name == "pure_net":
            files[f"{info}/entry_points.txt"] = "[zoo.plugins]\npure = pure_net\n"
        files[f"{info}/RECORD"] = "".join(f"{file},,\n" for file in [*files, f"{info}/RECORD"])
        for file, text in files.items():
            (site / file).parent.mkdir(parents=True, exist_ok=True)
            (site / file).write_text(text)
    return site


def rewritten(file: Path, text: str) -> None:
    """Change a file and leave it its size and time; Python's bytecode of it goes."""
    before = file.stat()
    assert len(text) == before.st_size
    file.write_text(text)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    shutil.rmtree(file.parent / "__pycache__", ignore_errors=True)


CHANGES: dict[str, Callable[[Path], None]] = {
    "a file of data": lambda site: (site / "pure_net/factor.data").write_text("1.0") and None,
    "a package that the registration names": lambda site: rewritten(
        site / "pure_helper/__init__.py", "factor = 1\n"
    ),
    "its code": lambda site: rewritten(
        site / "pure_net/build.py", BUILD.replace("(1 + data", "(2 + data")
    ),
    "another module of its distribution": lambda site: rewritten(
        site / "pure_more.py", "more = 1\n"
    ),
}


@pytest.mark.parametrize("change", ["a file of data", *map(slow, [*CHANGES][1:])])
def test_what_changes_the_network_changes_the_answer(
    change: str, site: Path, own_home: Path, tmp_path: Path
) -> None:
    file = tmp_path / "w.weights.h5"
    network = keras().Sequential([keras().Input((1,)), keras().layers.Dense(1, use_bias=False)])
    network.layers[0].kernel.assign([[1.0]])
    network.save_weights(file)

    def answer() -> Any:
        path = os.pathsep.join([str(tmp_path / "program"), str(site)])
        return process(ANSWER, "pure-net", file, PYTHONPATH=path)

    assert answer() == [1.0, True]
    assert answer() == [1.0, False]
    CHANGES[change](site)
    assert answer() == [2.0, True]
    assert answer() == [2.0, False]


def test_what_nobody_declares_pure_is_not_kept(site: Path, own_home: Path, tmp_path: Path) -> None:
    """It may read a variable of the environment."""
    file = tmp_path / "w.weights.h5"
    network = keras().Sequential([keras().Input((1,)), keras().layers.Dense(1, use_bias=False)])
    network.layers[0].kernel.assign([[1.0]])
    network.save_weights(file)
    path = os.pathsep.join([str(tmp_path / "program"), str(site)])
    for factor in ("1", "2"):
        found = process(ANSWER, "pure-other", file, PYTHONPATH=path, PURE_FACTOR=factor)
        assert found == [1.0 + float(factor), True]
    assert not own_home.exists()


def no_weights(places: Any) -> Any:
    msg = "JAX keeps one computation for all weights"
    raise AssertionError(msg)


@pytest.fixture
def place(site: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., NetworkCache]:
    """Return the place of a network whose code lies in a distribution of this test."""
    monkeypatch.syspath_prepend(site)
    monkeypatch.syspath_prepend(site / "program")  # the first folder is anybody's

    def make(
        version: str = "1.0", *, shape: Any = (3,), units: int = 2, value: Any = None,
        pure: Any = ("pure-helper",), weights: Any = no_weights, **options: Any,
    ) -> NetworkCache:  # fmt: skip
        owner = Plugin("kept", "pure_net", "pure_net", version)
        entry = Entry("net", owner, value or "pure_net.build:build", site, pure)
        offered = {"input_shape": shape, "units": units}
        return NetworkCache(entry, zoo.Component("kept/net", **options), offered, weights)

    return make


def test_whatever_decides_about_the_network_gives_another_name(
    place: Callable[..., NetworkCache], monkeypatch: pytest.MonkeyPatch, own_home: Path, site: Path
) -> None:
    """Spec, shapes, fitted classes, the plugin's version, files, what Keras and JAX are set to."""
    import jax

    names = [
        place().name,
        place("1.1").name,
        place(hidden=[8]).name,
        place(hidden=[8.0]).name,
        place(shape=(4,)).name,
        place(units=3).name,
    ]
    for change in CHANGES.values():
        change(site)
        names.append(place().name)
    (site / "pure_net/part.py").touch()
    names.append(place().name)
    for setting, value in (("jax_enable_x64", True), ("jax_default_matmul_precision", "highest")):
        before = getattr(jax.config, setting)
        jax.config.update(setting, value)
        names.append(place().name)
        jax.config.update(setting, before)
    settings = own_home.parent / "keras/keras.json"
    settings.parent.mkdir(parents=True)
    settings.write_text('{"epsilon": 0.001}')
    names.append(place().name)
    assert len(set(names)) == len(names)
    assert place().name == place().name
    assert place(pure=()).name != place().name


def test_what_cannot_be_kept_has_no_place(
    place: Callable[..., NetworkCache], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Undeclared, without a name, several inputs, no package or too many files, no flatbuffers."""
    assert place().usable
    assert place(pure=()).usable
    assert not place(pure=None).usable
    assert not place(value=lambda: None).usable
    assert not place(shape={"a": (3,), "b": (2,)}).usable
    assert not place(pure=("nobody-installed-this",)).usable
    with monkeypatch.context() as patch:
        patch.setattr(sources, "MAX_FILES", 100)
        assert not place().usable
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name, *a: None if name == "flatbuffers" else found(name, *a),
    )
    assert not place().usable


def test_an_editable_distribution_has_its_packages_elsewhere(
    place: Callable[..., NetworkCache], site: Path, tmp_path: Path
) -> None:
    """pip leaves a file that names a folder; the packages in it count, and nothing else there."""
    before = place().name
    source = tmp_path / "source"
    for file in ("inner/__init__.py", "inner/deep/more.txt", "single.py", "notes/text.txt"):
        (source / file).parent.mkdir(parents=True, exist_ok=True)
        (source / file).touch()
    (site / "pure.pth").write_text(f"import sys\n{source}\n")
    with (site / "pure_net-1.0.dist-info/RECORD").open("a") as record:
        record.write("pure.pth,,\n")
    names = [before, place().name]
    for file in ("inner/deep/more.txt", "single.py"):
        (source / file).write_text("changed")
        names.append(place().name)
    assert len(set(names)) == len(names)
    (source / "notes/text.txt").write_text("changed")
    assert place().name == names[-1]


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if this process had begun just now."""
    monkeypatch.setattr(sources, "STARTED_AT", time.time_ns())
    monkeypatch.setattr(sources, "PRELOADED_FILES", frozenset())


def scaled(factor: float) -> Any:
    """Return a network with a number that no weight tells."""
    module = keras()
    inputs = module.Input((3,))
    return module.Model(inputs, module.layers.Dense(2)(inputs) * factor)


@pytest.mark.parametrize(("factor", "expected"), [(2.0, True), (2.1, False)])
def test_what_is_kept_was_compared_with_keras(
    factor: float, expected: bool, place: Any, settled: None, own_home: Path, tmp_path: Path
) -> None:
    """A network that is built otherwise the second time was no function of its arguments."""
    network, file = scaled(2.0), tmp_path / "w.weights.h5"
    network.save_weights(file)
    here = place(weights=lambda places: read_weights(file, places))
    here.store(here.serialize(lambda: scaled(factor)), Runner(network))
    assert (here.restore() is not None) == expected
    assert len([*own_home.iterdir()]) == 1


def test_a_network_that_cannot_be_kept_is_tried_once(
    place: Any, settled: None, own_home: Path
) -> None:
    """The attempt costs a second; that it failed is what is kept."""
    attempts = []

    def make() -> Any:
        attempts.append(1)
        raise NotImplementedError

    for _ in range(3):
        here = place()
        assert here.restore() is None
        assert not here.serialize(make)
    assert len(attempts) == 1


def test_code_that_changed_since_it_was_imported_keeps_nothing(
    place: Any, settled: None, own_home: Path, site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The old code would be kept under the new one's name."""
    (site / "pure_net/build.py").write_text("# new\n")
    assert not place().serialize(lambda: scaled(1.0))
    monkeypatch.setattr(sources, "STARTED_AT", time.time_ns())
    monkeypatch.setattr(sources, "PRELOADED_FILES", frozenset({str(site / "pure_more.py")}))
    assert not place().serialize(lambda: scaled(1.0))
    assert not own_home.exists()


def test_random_weights_are_nobody_s(own_home: Path) -> None:
    random = zoo.get_model("mlp-mnist", weights=None)
    assert random.runner.network is random.keras
    assert not own_home.exists()


def test_a_network_that_draws_at_every_call_is_not_kept() -> None:
    """Its seed would be frozen, and every process would draw the same."""
    module = keras()

    class Noisy(module.layers.Layer):  # type: ignore[misc,name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.seed = module.random.SeedGenerator(1)

        def call(self, inputs: Any) -> Any:
            return inputs + module.random.normal((4,), seed=self.seed)

    inputs = module.Input((4,))
    x = module.layers.Dense(4)(inputs)
    assert exported.serialize(module.Model(inputs, module.layers.Dropout(0.5)(x)))
    with pytest.raises(ValueError, match="its state changes with every call"):
        exported.serialize(module.Model(inputs, Noisy()(x)))


def test_a_sequential_network_is_kept(tmp_path: Path) -> None:
    """It tells less of itself than a functional one."""
    module = keras()
    network = module.Sequential([module.Input((4,)), module.layers.Dense(3)])
    file = tmp_path / "w.weights.h5"
    network.save_weights(file)
    found = exported.restore(exported.serialize(network), lambda places: read_weights(file, places))
    assert found is not None
    inputs = np.ones((2, 4), np.float32)
    np.testing.assert_array_equal(Runner(found, found.call)(inputs), Runner(network)(inputs))
    assert found.output_shape == (None, 3)


def test_a_network_that_computes_with_copies_of_weights_is_not_kept() -> None:
    """Those of the first weights file would stay in it."""
    layers = [keras().Input((4,)), keras().layers.Normalization(), keras().layers.Dense(1)]
    with pytest.raises(ValueError, match="it does not use its weight 'mean'"):
        exported.serialize(keras().Sequential(layers))
