"""SPEC.toml: what is accepted, and how mistakes are reported: file, place and value."""

from __future__ import annotations

import os
import re
import resource
from pathlib import Path

import pytest

import zoo
from zoo.errors import SpecError, UnknownName
from zoo.registry.registry import registry, spec_and_base
from zoo.spec.component import Component
from zoo.spec.files import MAX_BYTES, read_spec, spec_from_data, spec_to_data, spec_to_toml
from zoo.spec.model import ModelSpec, Training

GOOD = """
name = "my-model"
task = "tabular-classification"
input = "columns"
output = "binary"
architecture = {uses = "mlp", hidden = [3]}
"""

TRAINING = '[training]\nloss = "mse"\n'


@pytest.fixture
def toml(tmp_path: Path):
    """Write a spec file."""

    def write(text: str | bytes) -> Path:
        path = tmp_path / "my.toml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def without(field: str) -> str:
    return "\n".join(line for line in GOOD.splitlines() if not line.startswith(field))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (GOOD + 'sumary = ""', "top level: unknown field 'sumary'. Did you mean 'summary'?"),
        (GOOD + "[training]\nlos = 1", "training: unknown field 'los'. Did you mean 'loss'?"),
        (GOOD + "[[weights]]\ntga = 1", "weights[0]: unknown field 'tga'. Did you mean 'tag'?"),
        (
            GOOD + '[[figures]]\nmetric = "a"\n[[figures]]\nmetrik = "a"',
            "figures[1]: unknown field 'metrik'. Did you mean 'metric'?",
        ),
        (GOOD + "[training]\nepochs = 3", "training: the field 'loss' is missing"),
        (without("task"), "top level: the field 'task' is missing"),
        ("", "top level: the field 'name' is missing"),
        (
            GOOD.replace("my-model", "My Model"),
            "name: expected lower-case words joined by hyphens, received 'My Model'",
        ),
        (
            GOOD.replace("my-model", r"my-model\n"),
            r"name: expected lower-case words joined by hyphens, received 'my-model\n'",
        ),
        (GOOD.replace("my-model", "m" * 65), "name: expected `str` of length <= 64, received 'mmm"),
        (GOOD + "tags = 'mlp'", "tags: expected `array`, got `str`, received 'mlp'"),
        (GOOD + "aliases = ['a', 'B']", "aliases[1]: expected lower-case words joined by hyphens"),
        (GOOD + "parameters = 0", "parameters: expected `int` >= 1, received 0"),
        (GOOD + TRAINING + "epochs = -1", "training.epochs: expected `int` >= 1, received -1"),
        (GOOD + TRAINING + "epochs = 2.5", "training.epochs: expected `int`, got `float`, rec"),
        (
            GOOD + TRAINING + "epochs = '2'",
            "training.epochs: expected `int`, got `str`, received '2'",
        ),
        (
            GOOD + TRAINING + "shuffle = 1",
            "training.shuffle: expected `bool`, got `int`, received 1",
        ),
        (GOOD + TRAINING + "validation = 1.0", "training.validation: expected `float` < 1.0, rece"),
        (GOOD + TRAINING + "validation = nan", "training.validation: expected `float` > 0.0, rece"),
        (
            GOOD + TRAINING + "validation = 'no'",  # TOML has no null, so none is offered
            "training.validation: expected `float | object`, got `str`, received 'no'",
        ),
        (
            GOOD + TRAINING + "seeds = {jax = [1, 'x']}",
            "training.seeds[...][1]: expected `int`, got `str`, received {'jax': [1, 'x']}",
        ),
        (
            GOOD + TRAINING + "metrics = ['accuracy', 5]",
            "training.metrics[1]: expected a name or a table with 'uses', received 5\n",
        ),
        (
            GOOD + TRAINING + "optimizer = {use = 'adam'}",
            "optimizer: expected a name or a table with 'uses', received {'use': 'adam'}\n",
        ),
        (GOOD.replace('"mlp"', '""'), "architecture: a component needs a name under 'uses', rec"),
        (
            GOOD.replace("[3]", "1979-05-27"),
            "architecture: 'mlp': option 'hidden' must be a number, text, boolean, list or "
            "table, received datetime.date(1979, 5, 27)\n",
        ),
        (
            GOOD + "[[figures]]\nmetric = 'a'\non = 'tset'",
            "figures[0].on: must be one of train, validation, test, folds, weights, "
            "photo, received 'tset'\n",
        ),
        (GOOD + TRAINING + "starts = 4", "training.starts: must be one of 3, 5, received 4\n"),
        (
            GOOD + TRAINING + "early_stopping = {patience = 1, mode = 'most'}",
            "training.early_stopping.mode: must be one of min, max, received 'most'\n",
        ),
        (
            GOOD + TRAINING + "validation = {hold = 1}",
            "training.validation: unknown field 'hold'. Did you mean 'held'?",
        ),
        (
            GOOD + "[[weights]]\ntag = 'a'\nformat = 'pickle'",
            "weights[0].format: must be one of keras, keras-legacy, bundle, received 'pickle'\n",
        ),
        (
            GOOD + "[[weights]]\ntag = 'a'\nfile = '../../etc/passwd'",
            "weights[0]: file '../../etc/passwd' does not stay inside its folder",
        ),
        (
            GOOD + "[[weights]]\ntag = 'a'\n[[weights]]\ntag = 'a'",
            "top level: weights tags must differ from each other, received ['a', 'a']\n",
        ),
        (GOOD + '"x - at `$.y[a].z" = 1', "unknown field"),
        (GOOD + "x" * 9999 + " = 1", "top level: unknown field 'xxx"),
        (GOOD + "summary = [" + "9, " * 999 + "]", "got `array`, received [9, 9, 9, 9"),
        ("name = ", "is not TOML: Invalid value (at end of document)"),
        (GOOD + 'task = "t"', "is not TOML: Cannot overwrite a value"),
        (b"\x89HDF\r\n\x1a\n", "is not TOML: 'utf-8' codec can't decode byte 0x89 in position 0"),
        ("x = " + "9" * 5000, "is not TOML: Exceeds the limit"),
        ("x = " + "[" * 9999, "is not TOML: "),
        ("#" * (MAX_BYTES + 1), f"has 1000001 bytes, a spec has at most {MAX_BYTES}\n"),
    ],
)
def test_slips_are_told_with_file_place_and_value(text, told, toml):
    """Whoever writes a spec by hand finds the line from the sentence alone, and only a sentence."""
    path = toml(text)
    with pytest.raises(SpecError) as caught:
        read_spec(path)
    message = str(caught.value)
    assert f"{message}\n".startswith(f"{path}: ")
    assert told in f"{message}\n"
    assert len(message) < 500
    assert message.count("received ") <= 1


@pytest.mark.parametrize(
    "text",
    [
        GOOD + '"\\u001b[2Jtags" = []',
        GOOD + '[training]\n"\\u001b[2Jloss" = 1',
        GOOD + TRAINING + '[training.seeds]\n"\\u001b[2J" = ["\\u001b[2J"]',
        GOOD.replace("my-model", "\\u001b[2J"),
        GOOD.replace("mlp", "\\u001b[2J").replace("3", "1979-05-27"),
        GOOD.replace("hidden", '"\\u001b[2J"').replace("3", "1979-05-27"),
        GOOD + '[[weights]]\ntag = "\\u001b[2J"',
    ],
)
def test_terminal_codes_in_a_file_are_escaped(text, toml):
    """A spec from a stranger cannot rewrite what its reader sees."""
    with pytest.raises(SpecError) as caught:
        read_spec(toml(text))
    assert str(caught.value).isprintable()
    assert "\\x1b[2J" in str(caught.value)


@pytest.mark.parametrize("field", ["architecture", "input", "output"])
def test_terminal_codes_in_names_of_parts_are_escaped(field, toml):
    """The same holds for names that are looked up after the file was read."""
    line = next(line for line in GOOD.splitlines() if line.startswith(field))
    path = toml(GOOD.replace(line, f'{field} = "\\u001b[2J"'))
    with pytest.raises(UnknownName) as caught:
        spec_and_base(path)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda path: None, "cannot be read, No such file or directory"),
        (lambda path: path.mkdir(), "is a folder, expected a TOML file"),
        (lambda path: path.symlink_to(path), "cannot be read, Too many levels of symbolic links"),
        pytest.param(
            lambda path: path.touch(mode=0o000), "cannot be read, Permission denied",
            marks=pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything"),
        ),
    ],
)  # fmt: skip
def test_files_that_cannot_be_read(make, told, tmp_path, cli):
    """A wrong path is wrong usage, exit 2, and the file is named."""
    path = tmp_path / "my.toml"
    make(path)
    with pytest.raises(SpecError) as caught:
        read_spec(path)
    assert str(caught.value) == f"{path}: {told}"
    done = cli("train", path)
    assert (done.status, done.err) == (2, f"zoo: {path}: {told}\n")


@pytest.mark.parametrize("name", zoo.list_models())
def test_every_registered_model_survives_its_toml(name, toml):
    """`zoo show X --toml > my.toml` is where a user's own spec starts; nothing may get lost."""
    spec = zoo.get_spec(name)
    path = toml(spec_to_toml(spec))
    assert read_spec(path) == spec
    assert spec_and_base(path) == (spec, path.parent)
    assert registry().models.find(name).value == spec_from_data(
        spec_to_data(registry().models.find(name).value)
    )


def test_what_show_prints_is_a_spec(cli, toml):
    """The command prints the file and nothing else."""
    done = cli("show", "mlp-pima", "--toml")
    assert spec_and_base(toml(done.out))[0] == zoo.get_spec("mlp-pima")


def test_values_survive_as_deep_as_they_go(toml):
    """Python's tuples and nested tables come back equal, or a resumed run would differ."""
    spec = ModelSpec(
        name="deep",
        task="t",
        architecture=Component("a", blocks=({"sizes": (1, (2, 3)), "on": True}, {}), rate=0.1),
        input="b",
        output=Component("c", labels=('"', "\\", "é\u202e", "\x1b")),
        training=Training(
            loss=Component("huber", delta=1.5), metrics=(Component("a"), Component("b", k=5)),
            seeds={"jax": (1, 2)}, freeze=("conv*",), validation=0.25,
        ),
    )  # fmt: skip
    assert read_spec(toml(spec_to_toml(spec))) == spec
    assert spec.architecture.config["blocks"] == [{"sizes": [1, [2, 3]], "on": True}, {}]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (GOOD.replace('"mlp"', '"os.path:join"'), "architecture 'os.path:join'"),
        (GOOD.replace('"columns"', '"os:system"'), "preprocessor 'os:system'"),
        (GOOD.replace('"binary"', '{uses = "os:system", command = "true"}'), "decoder 'os:system'"),
    ],
)
def test_a_lone_file_cannot_make_zoo_import_code(text, kind, toml, cli):
    """A spec from the net is data: a place in code is refused, with the reason."""
    path = toml(text + TRAINING)
    done = cli("train", path)
    assert done.status == 2
    assert done.err.endswith(
        f"{kind} is a reference to code; only a spec that an installed plugin "
        "registers may hold one; use a registered name\n"
    )


def test_a_lone_file_with_registered_names(toml):
    """Bare and full names of parts both work without any package; paths start at the file."""
    path = toml(GOOD.replace('"columns"', '"tabular/columns"'))
    spec, base = spec_and_base(path)
    assert base == path.parent
    assert (spec.architecture.uses, spec.input.uses) == ("tabular/mlp", "tabular/columns")
    assert spec.architecture.config == {"hidden": [3]}
    with pytest.raises(UnknownName, match=r"no architecture is called 'mlpp'\. Did you mean 'mlp'"):
        spec_and_base(toml(GOOD.replace('"mlp"', '"mlpp"')))


@pytest.mark.parametrize(
    "text",
    [
        ".".join(["a"] * 100_000) + " = 1",
        "[" + ".".join(["a"] * 100_000) + "]",
        "x = {" + " . ".join(["a"] * 100_000) + " = 1}",
        ".".join(['"a"'] * 100_000) + " = 1",
        "x = " + "[" * 100_000,
        "x = " + "{a=" * 500 + "1" + "}" * 500,
        "a" * 900_000,
        "," * 900_000,
        "[" * 900_000,
        '"' * 900_000,
        "a." * 63 + "a = 1",
    ],
    ids=range(11),
)
def test_bombs_of_keys_and_depth_are_refused_at_once(tmp_path: Path, text: str) -> None:
    file = tmp_path / "spec.toml"
    file.write_text(text)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(SpecError, match=re.escape(str(file))):
        read_spec(file)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000  # kilobytes
