"""OpenVINO computes what JAX computes, in float32, and refuses to train."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from places import MUG
from tiers import slow

import zoo

if importlib.util.find_spec("openvino") is None:
    pytest.skip("needs openvino (the extra of that name)", allow_module_level=True)


# The same numbers on every backend, whatever it draws by itself: a network with weights that keep
# the signal alive, and what it makes of noise.
OUTPUTS = """
import sys
import numpy as np
import zoo
from zoo.backend.choose import keras

model = zoo.get_model(sys.argv[1], weights=None)
keras()
from zoo.backend.network import build
network = build(model.architecture(), initialise=False)
rng = np.random.default_rng(0)
for weight in network.weights:
    shape, name = tuple(weight.shape), weight.name
    if len(shape) > 1:
        values = rng.normal(size=shape) * np.sqrt(2 / np.prod(shape[:-1]))
    elif "variance" in name or "gamma" in name:
        values = rng.uniform(0.5, 1.5, shape)
    else:
        values = rng.normal(size=shape) * 0.1
    weight._initialize(values.astype("float32"))
from zoo.inference.base import make_runner
from zoo.backend.runner import Runner
shape = [side or 32 for side in network.input_shape[1:]]
inputs = np.random.default_rng(1).normal(size=(2, *shape)).astype("float32")
outputs = make_runner(network)(inputs, batch_size=2)
np.save(sys.argv[2], outputs)
from zoo.backend.choose import chosen_backend
if chosen_backend() == "openvino":  # read back by a later process: the same
    from pathlib import Path
    from zoo.backend.network import weight_arrays
    from zoo.accel.openvino import restore, serialize
    from zoo_weights import read_weights, write_bundle
    weights = Path(sys.argv[2] + ".zoo")
    write_bundle(weights, {}, weight_arrays(network))
    again = restore(serialize(network), lambda places: read_weights(weights, places))
    np.testing.assert_array_equal(Runner(again, again.call)(inputs, batch_size=2), outputs)
"""

# Networks of each kind of block: those that share theirs with one of these are left out.
QUICK = ["cnn-mnist"]
SLOW = [
    "rnn-mnist", "mlp-mnist", "mobilenet-v3-small", "efficientnet-b0", "convnext-tiny",
    "densenet121", "efficientnet-v2-b0", "inception-resnet-v2", "mobilenet", "nasnet-mobile",
    "resnet50-v2", "vgg16",
]  # fmt: skip


def outputs(backend: str, name: str, file: Path) -> Any:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", OUTPUTS, name, str(file)],
        env={**os.environ, "KERAS_BACKEND": backend},
        capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return np.load(file)


@pytest.mark.parametrize("name", [*QUICK, *map(slow, SLOW)])
def test_every_kind_of_network_gives_what_jax_gives(name: str, tmp_path: Path) -> None:
    ours, theirs = (outputs(b, name, tmp_path / f"{b}.npy") for b in ("openvino", "jax"))
    assert ours.dtype == np.float32
    assert np.ptp(theirs) > 1e-3
    np.testing.assert_allclose(ours, theirs, atol=1e-4)


def openvino(code: str, *arguments: str | Path, **env: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "KERAS_BACKEND": "openvino", **env}
    environment = {key: value for key, value in environment.items() if value != "UNSET"}
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, *map(str, arguments)],
        env=environment, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip


ZOO = "from zoo_cli.main import main; main()"


def test_the_shipped_classifier_keeps_its_scores_one_by_one_and_in_bulk() -> None:
    expected = {
        p.index: p.score for p in zoo.get_model("efficientnet-lite0").classify(MUG)[0].predictions
    }
    done = openvino(
        ZOO, "classify", *[MUG] * 9, "--top", "5", "--format", "jsonl", "--batch-size", "2"
    )
    records = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(records) == 9, done.stderr
    for record in records:
        found = {p["index"]: p["score"] for p in record["predictions"]}
        assert found == pytest.approx(expected, abs=1e-4)


@pytest.mark.slow
def test_no_transpose_is_left_between_the_layers() -> None:
    """With those that Keras draws around each convolution it takes four times as long."""
    code = (
        "import collections, zoo\n"
        "from zoo.accel.openvino import draw_graph\n"
        "from zoo.backend.runner import inputs_of\n"
        "network = zoo.get_model('efficientnet-lite0').keras\n"
        "model, _ = draw_graph(network, inputs_of(network))\n"
        "moved = [op for op in model.get_ordered_ops() if op.get_type_name() == 'Transpose'\n"
        "         and op.input_value(0).get_partial_shape().is_dynamic]\n"
        "print(len(moved))"
    )
    done = openvino(code)
    assert done.stdout == "1\n", done.stderr  # the one behind the input


def test_classify_takes_it_by_itself_but_nobody_else_does() -> None:
    report = (
        "import sys, zoo_cli.main as m\n"
        "m.run(sys.argv[1:])\n"
        "from zoo.backend.choose import chosen_backend\n"
        "print(chosen_backend())"
    )
    chosen = {
        "alone": openvino(report, "classify", MUG, KERAS_BACKEND="UNSET"),
        "flag": openvino(report, "classify", MUG, "--backend", "jax", KERAS_BACKEND="UNSET"),
        "variable": openvino(report, "classify", MUG, KERAS_BACKEND="jax"),
        "predict": openvino(report, "predict", "efficientnet-lite0", MUG, KERAS_BACKEND="UNSET"),
    }
    names = {key: done.stdout.split()[-1] for key, done in chosen.items()}
    assert names == {"alone": "openvino", "flag": "jax", "variable": "jax", "predict": "jax"}


def test_training_with_it_names_a_backend_that_trains(tmp_path: Path) -> None:
    done = openvino(ZOO, "train", "mlp-pima", "-o", tmp_path / "run")
    assert done.returncode == 2
    assert "'openvino' computes but does not train; use --backend jax" in done.stderr
    assert not (tmp_path / "run").exists()


def test_bfloat16_is_for_those_who_ask_for_it() -> None:
    done = openvino(ZOO, "classify", MUG, "--dtype", "bfloat16")
    assert done.stdout.startswith("coffee_mug (7"), done.stderr
    done = openvino(ZOO, "classify", MUG, "--dtype", "bfloat16", "--backend", "jax")
    assert done.returncode == 2
    assert "dtype bfloat16 needs the openvino backend; this process uses jax" in done.stderr


def test_new_weights_count() -> None:
    code = (
        "import numpy as np, zoo\n"
        "model = zoo.get_model('mlp-pima', weights=None)\n"
        "x = np.ones((1, 8), 'float32')\n"
        "first = model.outputs(x)\n"
        "model.keras.layers[-1].bias.assign(np.array([3.0], 'float32'))\n"
        "print(bool(model.outputs(x)[0, 0] > first[0, 0]))"
    )
    assert openvino(code).stdout == "True\n"


KEPT = """
import json, sys
import numpy as np
import zoo
model = zoo.get_model(sys.argv[1], weights=sys.argv[2])
x = np.random.default_rng(0).normal(size=(3, *model.preprocessor.shape)).astype("float32")
outputs = model.outputs(x, batch_size=2)
print(json.dumps([outputs.tolist(), sorted({"keras", "pandas", "scipy"} & sys.modules.keys())]))
"""


def computed(weights: Path, home: Path) -> tuple[Any, list[str]]:
    """Return what a process makes of weights of mlp-mnist, and the heavy modules it imported."""
    done = openvino(KEPT, "mlp-mnist", weights, ZOO_HOME=str(home))
    assert done.returncode == 0, done.stderr
    outputs, heavy = json.loads(done.stdout)
    return np.array(outputs), heavy


def test_the_second_process_imports_no_keras(tmp_path: Path) -> None:
    """It answers the same, from a small file; other weights have an answer of their own."""
    weights, home = tmp_path / "w.weights.h5", tmp_path / "home"
    network = zoo.get_model("mlp-mnist", weights=None).keras
    network.save_weights(weights)
    first, heavy = computed(weights, home)
    assert "keras" in heavy
    (file,) = (home / "cache/networks").iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.stat().st_size < weights.stat().st_size / 10  # the weights are not in it
    again, heavy = computed(weights, home)
    assert heavy == []
    np.testing.assert_array_equal(again, first)
    plain = zoo.get_model("mlp-mnist", weights=weights).outputs(
        np.random.default_rng(0).normal(size=(3, 28, 28)).astype("float32")
    )
    np.testing.assert_allclose(again, plain, atol=1e-5)
    network.layers[-1].bias.assign(np.arange(10, dtype="float32"))
    network.save_weights(weights)
    other, heavy = computed(weights, home)
    assert heavy == []
    assert not np.allclose(other, first)
    # What is damaged is made anew.
    file.write_bytes(file.read_bytes()[:-1])
    network.layers[-1].bias.assign(np.zeros(10, "float32"))
    network.save_weights(weights)
    repaired, heavy = computed(weights, home)
    assert "keras" in heavy
    np.testing.assert_array_equal(repaired, first)
    assert computed(weights, home)[1] == []
