"""The documentation is right: generated files are up to date, links are valid, examples run.

The first line of a fenced block says whether and how it runs:

- ``console``: each line after ``$ `` is run, and must print the lines below it. A line of ``...``
  stands for any lines, ``...`` in a line for anything, a date for any date.
- ``python``: runs; the ``text`` block right after it, if there is one, is its output.
- a language with a file name, such as ``toml my-model.toml``: saved under that name.
- anything else is only shown.

Numbers must match the output. Where they depend on the processor or the backend, the line before
the block says by how much its decimal numbers may differ, percentages as fractions of one:
``<!-- ±0.02 -->``. Readers do not see it. Numbers without a decimal point must be equal.

All blocks of a page run in order in one folder, which has a copy of ``examples/mug.png``.
"""

from __future__ import annotations

import json
import os
import re
import runpy
import shlex
import shutil
import subprocess
import sys
import tomllib
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import click
import msgspec
import pytest
from places import ROOT

import zoo
from zoo.errors import KINDS
from zoo.parts.base import Decoder, Preprocessor, Sequencer
from zoo.registry.loading import hook_names
from zoo_cli.main import COMMANDS, cli

DOCS = ROOT / "docs"
TOP = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md")]
PAGES = [*TOP, *sorted(DOCS.glob("*.md"))]
RUN = (
    "README.md", "docs/tutorial.md", "docs/specs.md", "docs/sequences.md", "docs/weights.md",
    "docs/after-training.md", "docs/sklearn.md", "docs/tune.md", "docs/your-data.md",
    "docs/training.md", "docs/notebooks.md",
)  # fmt: skip

FENCED = re.compile(
    r"^(?:<!-- ±(\S+) -->\n)?```(\w*)(?: (\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL
)
NUMBER = re.compile(r"(?<![\w.])-?\d+(?:,\d{3})*(?:\.\d+)?(?:e[-+]?\d+)?%?(?!\w)")
DATE = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d")

NOISE = re.compile(r"(WARNING: All log|[IWE]\d{4} |To enable the following)")
"""What TensorFlow says on stderr where it is installed beside the backend in use."""


class Block(NamedTuple):
    """A fenced block of a page."""

    language: str
    file: str
    text: str
    line: int
    tolerance: float


def blocks(page: Path) -> list[Block]:
    """Return the fenced blocks of a page, in order."""
    return blocks_of(page.read_text(encoding="utf-8"))


def blocks_of(text: str) -> list[Block]:
    return [
        Block(language, file, body, text.count("\n", 0, found.start()) + 1, float(tolerance or 0))
        for found in FENCED.finditer(text)
        for tolerance, language, file, body in [found.groups("")]
    ]


def named_record(record: dict[str, Any]) -> str:
    return " ".join([record["model"], *record["settings"], record["backend"]])


def named(pages: list[Path]) -> list[Any]:
    return [pytest.param(page, id=str(page.relative_to(ROOT))) for page in pages]


# Generated files


def test_generated_files_are_fresh() -> None:
    """Otherwise a reader finds commands, models or hooks that are not there, or misses new ones."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "tools" / "generate_docs.py"), "--check"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_hook_is_documented() -> None:
    text = (DOCS / "hooks.md").read_text(encoding="utf-8")
    for name in hook_names():
        assert f"\n## {name}\n" in text
    for base in (Preprocessor, Sequencer, Decoder):
        for method in base.__abstractmethods__:
            owner = next(one for one in base.__mro__ if method in vars(one))
            assert f"\n### {owner.__name__}.{method}\n" in text


def test_every_command_and_option_is_documented() -> None:
    """A command without help text is one that nobody can find out about."""
    text = (DOCS / "commands.md").read_text(encoding="utf-8")
    for path, command in built_in_commands():
        assert command.help, path
        section = text.partition(f"# {path}\n")[2].partition("\n#")[0]
        assert section, f"{path} is not in docs/commands.md"
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                assert parameter.help, f"{path} {parameter.opts[0]} has no help text"
                assert parameter.opts[0] in section


def test_every_kind_of_error_is_documented() -> None:
    """A script that meets a kind must find what it means."""
    text = (DOCS / "errors.md").read_text(encoding="utf-8")
    for kind, (cause, cure) in KINDS.items():
        assert f"| `{kind}` | {cause} | {cure} |\n" in text


def built_in_commands() -> Iterator[tuple[str, click.Command]]:
    context = click.Context(cli)
    for name in COMMANDS:
        command = cli.get_command(context, name)
        assert command is not None
        yield f"zoo {name}", command
        if isinstance(command, click.Group):
            for inner in command.commands.values():
                yield f"zoo {name} {inner.name}", inner


def test_schema_says_what_a_spec_needs() -> None:
    """An editor that checks SPEC.toml by the schema must not accept less, or refuse more."""
    schema = json.loads((DOCS / "spec.schema.json").read_text(encoding="utf-8"))
    model = schema["$defs"]["ModelSpec"]
    assert schema["$ref"] == "#/$defs/ModelSpec"
    assert set(model["required"]) == {"name", "task", "architecture", "input", "output"}
    assert set(model["properties"]) == set(zoo.ModelSpec.__struct_fields__)
    assert model["additionalProperties"] is False
    for component in ("architecture", "input", "output"):
        text, table = model["properties"][component]["anyOf"]
        assert text == {"type": "string"}
        assert table["required"] == ["uses"]
    training = schema["$defs"]["Training"]
    assert training["oneOf"] == [{"required": ["loss"]}, {"required": ["outputs"]}]
    assert all(field["description"] for field in training["properties"].values())


def test_schema_accepts_the_shipped_spec() -> None:
    jsonschema = pytest.importorskip("jsonschema", reason="needs jsonschema")
    schema = json.loads((DOCS / "spec.schema.json").read_text(encoding="utf-8"))
    spec = tomllib.loads(
        (ROOT / "plugins/zoo_tabular/models/mlp-pima.toml").read_text(encoding="utf-8")
    )
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(spec, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**spec, "trainning": {}}, schema)


REPRODUCED = json.loads((DOCS / "reproduced.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("record", [r for r in REPRODUCED if not r["settings"]], ids=named_record)
def test_reproduced_figures_are_those_of_the_spec(record: dict[str, Any]) -> None:
    """Where a recipe's figures change, tools/reproduce.py must measure it again."""
    spec = zoo.get_spec(record["model"])
    for figure, measured in zip(spec.figures, record["figures"], strict=True):
        fields = {name: measured[name] for name in figure.__struct_fields__ if name in measured}
        assert msgspec.convert(fields, zoo.Figure) == figure
        assert len(measured["values"]) == len(record["seeds"])


@pytest.mark.parametrize("record", [r for r in REPRODUCED if "dead" in r], ids=named_record)
def test_seeds_are_not_chosen_after_measuring(record: dict[str, Any]) -> None:
    """Records that say nothing of dead starts are older, and the table does not judge them."""
    training = zoo.get_spec(record["model"]).training
    assert training is not None
    assert record["seeds"] == list(range(1, training.starts + 1))
    assert set(record["dead"]) <= set(record["seeds"])


def test_a_bound_that_is_missed_is_explained() -> None:
    """The table says OUT; why, the text has to say."""
    text = (DOCS / "reproduced.md").read_text(encoding="utf-8")
    section = text.partition("\n## Bounds that are missed\n")[2].partition("\n## ")[0]
    explained = set(re.findall(r"^- `([^`]+)` on (\w+):", section, re.M))
    missed = {(r["model"], r["backend"]) for r in REPRODUCED if "dead" in r and not r["passed"]}
    assert explained == missed


def test_records_tell_nothing_of_the_folders_they_were_measured_in() -> None:
    text = re.sub(r"https?://[^\s\"]+", "", json.dumps(REPRODUCED))
    assert not re.search(r"/\w+/|runs", text)


def test_a_figure_that_is_measured_again_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    """Otherwise a table shows a recipe twice, or loses what was measured elsewhere."""
    script = runpy.run_path(str(ROOT / "tools" / "reproduce.py"))
    kept = tmp_path / "reproduced.json"
    script["save_record"].__globals__["RECORDS"] = kept
    rows = [("mlp-pima", "torch", 1), ("mlp-pima", "jax", 2), ("linear-cereals", "jax", 3)]
    for model, backend, seed in [*rows, ("mlp-pima", "jax", 4), ("gone", "jax", 5)]:
        record = {"model": model, "settings": [], "backend": backend, "seeds": [seed]}
        script["save_record"]({**record, "runs": ["runs/x"]})
    shown = [(record["model"], record["seeds"]) for record in script["load_records"]()]
    assert shown == [("linear-cereals", [3]), ("mlp-pima", [4]), ("mlp-pima", [1])]
    assert "runs" not in kept.read_text()


VARIANTS = [
    (model, (*table.get("set", ()), *variant["set"]), variant)
    for model, table in tomllib.loads((DOCS / "variants.toml").read_text()).items()
    for variant in table["variants"]
]


@pytest.mark.parametrize(("model", "settings", "variant"), VARIANTS)
def test_every_variant_is_a_network(model: str, settings: tuple[str, ...], variant: Any) -> None:
    """Its settings are fields of the spec, and what they change is in the network."""
    from zoo.backend.network import build

    changed = zoo.get_model(model, weights=None, settings=settings)
    assert changed.spec != zoo.get_spec(model)
    widths = [option for option in settings if option.startswith("hidden=")]
    layers = {layer.name: layer for layer in build(changed.architecture(), initialise=False).layers}
    for number, width in enumerate(widths[0].partition("=")[2].split(",") if widths else (), 1):
        assert layers[f"hidden_{number}"].units == int(width)
    if any(option.startswith("dropout=") for option in settings):
        assert ("dropout_1" in layers) == ("dropout=0" not in settings)


def test_the_published_table_of_digits_is_complete() -> None:
    """Eighteen networks: where its widths are read in two ways, both have its figure."""
    rows = {
        (re.sub(r"hidden=(\d+),\1(,\1)?(?!,)", r"hidden=\1", " ".join(settings)), row["published"])
        for model, settings, row in VARIANTS
        if model == "mlp-mnist"
    }
    assert len(rows - {("hidden=256", 0.985)}) == 17  # and the model itself


def test_what_is_not_measured_is_not_shown_as_measured() -> None:
    text = (DOCS / "reproduced.md").read_text(encoding="utf-8")
    measured = {(record["model"], *record["settings"]) for record in REPRODUCED}
    for model, settings, row in VARIANTS:
        name = " ".join([model, f"`{' '.join(f'--set {shlex.quote(s)}' for s in settings)}`"])
        (line,) = [line for line in text.splitlines() if line.startswith(f"| {name} |")]
        assert f"{row.get('published', '-'):}" in line
        assert ("not measured" in line) == ((model, *settings) not in measured)
    (line,) = [line for line in text.splitlines() if line.startswith("| vgg16 ")]
    assert "--set resize=squash --set interpolation=nearest" in line
    assert "| 0.7527 | - | - | - | not measured: needs the photo of its source" in line


def test_regularised_networks_overfit_less() -> None:
    """What docs/reproduced.md says of the table below it."""
    plain, *regularised = (
        record["figures"][0]["median"]
        for record in REPRODUCED
        if record["model"] == "mlp-imdb" and record["settings"]
    )
    assert len(regularised) == 5
    assert max(regularised) < plain


# Pages


@pytest.mark.parametrize("page", named(PAGES))
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    dead = []
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        file = (page.parent / name) if name else page
        if not file.exists() or (anchor and anchor not in anchors(file)):
            dead.append(target)
    assert not dead


def anchors(page: Path) -> set[str]:
    """Return the anchors that a page's headings get where it is shown."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", named(PAGES))
def test_commands_on_pages_exist(page: Path) -> None:
    """Also those that are only shown: a command with an option that is gone sends people astray."""
    known = dict(built_in_commands())
    for line in shown_commands(page):
        words = shlex.split(line, comments=True)
        path = " ".join(words[:3]) if " ".join(words[:3]) in known else " ".join(words[:2])
        if len(words) < 2 or words[1].startswith("-") or words[1] == "COMMAND":
            continue
        assert path in known, f"{line!r}: no such command"
        options = {name for parameter in known[path].params for name in parameter.opts}
        used = {word.partition("=")[0] for word in words if re.match(r"--?[a-z]", word)}
        assert used <= options | {"-h", "--help", "-vv"}, line


def shown_commands(page: Path) -> Iterator[str]:
    text = page.read_text(encoding="utf-8")
    bodies = [b.text for b in blocks(page) if b.language in ("console", "sh")]
    bodies += re.findall(
        r"^(?:    .*\n)+", re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S), re.M
    )
    for body in bodies:
        for line in body.splitlines():
            if found := re.match(r"\s*(?:\$ )?(?:.*&& )?(zoo [^|>]*)", line):
                yield re.split(r"\s{3,}| && |;", found[1])[0]


def test_readme_names_models_that_exist() -> None:
    table = (ROOT / "README.md").read_text(encoding="utf-8").partition("\n## Models\n")[2]
    rows = re.findall(r"^\| ([^|]*`[^|]*)\|", table.partition("\n## ")[0], re.M)
    names = [name for row in rows for name in re.findall(r"`([a-z0-9-]+)`", row)]
    assert "efficientnet-lite0" in names
    assert set(names) <= set(zoo.list_models())


def test_index_leads_to_every_page() -> None:
    linked = re.findall(r"\]\(([^)]+)\)", (DOCS / "index.md").read_text(encoding="utf-8"))
    assert {page.name for page in DOCS.glob("*.md")} - {"index.md"} <= set(linked)


# Examples


@pytest.mark.slow
@pytest.mark.parametrize("page", named([ROOT / name for name in RUN]))
def test_examples_run(page: Path, tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    found = blocks(page)
    for block, after in zip(found, [*found[1:], None], strict=True):
        where = f"{page.name}, line {block.line}"
        if block.file:
            (tmp_path / "work" / block.file).write_text(block.text, encoding="utf-8")
        elif block.language == "console":
            for command, expected in dialogue(block.text):
                got, _ = shell.run(["sh", "-c", command])
                assert matches(expected, got, block.tolerance), f"{where}: {command}\n{got}"
        elif block.language == "python":
            got, status = shell.run([sys.executable, "-c", block.text])
            assert status == 0, f"{where}\n{got}"
            if after and after.language == "text":
                assert matches(after.text, got, after.tolerance), f"{where}\n{got}"


class Shell:
    """A folder with the example picture in it, and `zoo` on the path."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "work"
        (self.folder / "examples").mkdir(parents=True)
        shutil.copy(ROOT / "examples" / "mug.png", self.folder / "examples")
        script = folder / "bin" / "zoo"
        script.parent.mkdir()
        start = "from zoo_cli.main import main; main()"
        script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -c "{start}" "$@"\n')
        script.chmod(0o755)
        self.env = {**os.environ, "PATH": f"{script.parent}:{os.environ['PATH']}"}

    def run(self, command: list[str]) -> tuple[str, int]:
        """Return what a command prints, stdout and stderr as they come, and its exit status."""
        done = subprocess.run(
            command, cwd=self.folder, env=self.env, timeout=300, check=False, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        lines = [line for line in done.stdout.splitlines() if not NOISE.match(line)]
        return "\n".join(lines), done.returncode


def dialogue(text: str) -> Iterator[tuple[str, str]]:
    """Yield the commands of a ``console`` block, each with what it is said to print."""
    pieces = re.split(r"^\$ (.*)\n", text, flags=re.M)
    assert not pieces[0].strip(), "a console block starts with a command"
    yield from zip(pieces[1::2], pieces[2::2], strict=True)


def matches(expected: str, got: str, tolerance: float = 0.0) -> bool:
    """Whether a command printed what the page says, decimal numbers give or take `tolerance`."""
    wanted, printed = squeezed(expected), squeezed(got)

    def from_here(i: int, j: int) -> bool:
        if i == len(wanted):
            return j == len(printed)
        if wanted[i] == "...":
            return any(from_here(i + 1, k) for k in range(j, len(printed) + 1))
        same = j < len(printed) and same_line(wanted[i], printed[j], tolerance)
        return same and from_here(i + 1, j + 1)

    return from_here(0, 0)


def squeezed(text: str) -> list[str]:
    """Return the lines that hold something, with a space for any blanks and a word for any date."""
    lines = [re.sub(r"\s+", " ", DATE.sub("DATE", line)).strip() for line in text.splitlines()]
    return [line for line in lines if line]


def same_line(wanted: str, printed: str, tolerance: float) -> bool:
    texts = [re.escape(text).replace(r"\.\.\.", ".*?") for text in NUMBER.split(wanted)]
    found = re.fullmatch(f"({NUMBER.pattern})".join(texts), printed)
    return found is not None and all(
        number == other or ("." in number and abs(value(number) - value(other)) <= tolerance)
        for number, other in zip(NUMBER.findall(wanted), found.groups(), strict=True)
    )


def value(number: str) -> float:
    plain = float(number.replace(",", "").removesuffix("%"))
    return plain / 100 if number.endswith("%") else plain


@pytest.mark.parametrize(
    ("printed", "tolerance", "same"),
    [
        ("coffee_mug (76.3%)\n768 rows", 0.0, True),
        ("coffee_mug (75.9%)\n768 rows", 0.0, False),
        ("coffee_mug (75.9%)\n768 rows", 0.005, True),
        ("coffee_mug (75.7%)\n768 rows", 0.005, False),
        ("cup (76.3%)\n768 rows", 0.005, False),  # another label
        ("coffee_mug (76.3%)\n767 rows", 5.0, False),  # a count is a count
        ("coffee_mug (76.3%)\ncup (20.0%)\n768 rows", 0.0, False),
    ],
)
def test_a_wrong_example_is_noticed(printed: str, tolerance: float, same: bool) -> None:
    """The comparison must not be so loose that it lets another label or number through."""
    assert matches("coffee_mug (76.3%)\n\n768   rows\n", printed, tolerance) is same


def test_what_a_page_leaves_open() -> None:
    page = "run 2026-11-21 17:43:08 took ...\n...\nloss 0.5, accuracy 0.75\n"
    rest = "x\nloss 0.5, accuracy 0.70\nloss 0.5, accuracy 0.75"
    assert matches(page, f"run 2027-01-02 03:04:05 took 3 s\n{rest}")
    assert not matches(page, f"run today took 3 s\n{rest}")
    assert not matches(page, f"run 2027-01-02 03:04:05 took 3 s\n{rest} or so")
    (block,) = blocks_of("text\n<!-- ±0.02 -->\n```console\n$ zoo x\n0.5\n```\n")
    assert (block.language, block.tolerance, block.line) == ("console", 0.02, 2)


def test_a_part_of_the_tutorial(cli, tmp_path: Path) -> None:
    """A cut of what the whole pages are compared with in the slow tier."""
    page = (DOCS / "tutorial.md").read_text(encoding="utf-8")
    section = page.partition("\n## Train\n")[2].partition("\n## ")[0]
    compared = 0
    for block in blocks_of(section):
        if block.file:
            (tmp_path / block.file).write_text(block.text, encoding="utf-8")
        for command, expected in dialogue(block.text) if block.language == "console" else ():
            done = cli(*shlex.split(command)[1:])
            assert matches(expected, done.err + done.out, block.tolerance), (command, done)
            compared += len(NUMBER.findall(expected))
    assert compared > 20


# The picture


def test_picture_shows_what_the_commands_print() -> None:
    """It is drawn by tools/render_terminal.py; run that when this fails."""
    picture = (DOCS / "terminal.svg").read_text(encoding="utf-8")
    assert "http" not in picture.replace("http://www.w3.org/2000/svg", ""), "fetches from elsewhere"
    shown = "\n".join(ET.fromstring(picture).itertext()).replace("\N{NO-BREAK SPACE}", " ")
    for name in zoo.list_models("vgg*", plugin="vision"):
        spec = zoo.get_spec(name)
        assert f"{spec.parameters:,}" in shown
        assert spec.summary in shown
    assert "coffee_mug (76.3%)" in shown
    assert str(ROOT) not in shown
