#!/usr/bin/env python3
"""Write the references in docs/ from the program itself.

    python tools/generate_docs.py            write models.md, parts.md, commands.md, hooks.md,
                                             errors.md, rooms.svg, spec.schema.json, the tables of
                                             fields in specs.md and of figures in reproduced.md
    python tools/generate_docs.py --check    write nothing; exit 1 and name the files that are stale

Only the distribution ``keras-zoo`` is described, whatever else is installed.
"""

from __future__ import annotations

import argparse
import inspect
import json
import os
import re
import sys
from collections.abc import Iterator
from importlib.metadata import distribution
from pathlib import Path
from types import ModuleType
from typing import Any

import click
import msgspec
import parts
import rooms
from docstrings import default_of, meanings_of, read_doc, table, to_markdown, type_name

DOCS = Path(__file__).parents[1] / "docs"
DISTRIBUTION = "keras-zoo"
WIDTH = 80
"""Columns of the help texts, whatever the width of the terminal."""

WRITTEN = "<!-- Written by tools/generate_docs.py: change the program, then run it again. -->\n"
FIELDS = re.compile(r"(?<=<!-- fields -->\n).*?(?=<!-- end of fields -->)", re.DOTALL)
FIGURES = re.compile(r"(<!-- figures of (.*?) -->\n).*?(?=<!-- end of figures -->)", re.DOTALL)


def main() -> int:
    """Write or check the files, and return the exit status."""
    parser = argparse.ArgumentParser(description="Write the generated references of docs/.")
    parser.add_argument("--check", action="store_true", help="name stale files, write nothing")
    check = parser.parse_args().check
    stale = 0
    for name, text in generate_files():
        path = DOCS / name
        if path.is_file() and path.read_text(encoding="utf-8") == text:
            continue
        stale += 1
        if check:
            print(f"docs/{name} is stale; run python tools/generate_docs.py")
        else:
            path.write_text(text, encoding="utf-8")
            print(f"docs/{name}")
    return 1 if check and stale else 0


def generate_files() -> Iterator[tuple[str, str]]:
    """Yield the name and the content of every generated file."""
    points = distribution(DISTRIBUTION).entry_points.select(group="zoo.plugins")
    os.environ["ZOO_PLUGINS"] = ",".join(sorted(point.name for point in points))
    yield "models.md", models()
    yield "parts.md", WRITTEN + parts.page()
    yield "commands.md", commands()
    yield "hooks.md", hooks()
    yield "errors.md", errors()
    yield "rooms.svg", rooms.draw()
    yield "spec.schema.json", schema()
    specs = (DOCS / "specs.md").read_text(encoding="utf-8")
    yield "specs.md", FIELDS.sub(lambda _: fields(), specs)
    page = (DOCS / "reproduced.md").read_text(encoding="utf-8")
    yield "reproduced.md", FIGURES.sub(lambda found: found[1] + figures(found[2]), page)


# Models


def models() -> str:
    """Return the tables of all models, one for each plugin."""
    from zoo.registry.registry import registry

    entries = [e for e in registry().match_models() if e.owner.distribution == DISTRIBUTION]
    head = ["name", "task", "input", "parameters", "weights", "published", "sources"]
    text = [
        WRITTEN,
        "# Models\n",
        f"{len(entries)} models come with this package. `zoo list` prints all installed models, "
        "those of other plugins included; `zoo show MODEL` prints all details of one.\n",
        "Weights: tag, size if the publisher states it, licence of the file, and where it comes "
        "from. [weights.md](weights.md) says how files are fetched and checked.\n",
    ]
    for plugin in sorted({entry.owner.name for entry in entries}):
        rows = [_model_row(e.value, e.base) for e in entries if e.owner.name == plugin]
        text += [f"## Plugin `{plugin}`\n", table(head, rows)]
    return "\n".join(text)


def _model_row(spec: Any, base: Path) -> list[str]:
    figures = [_figure(figure) for figure in spec.figures]
    figures += [r.summary for r in spec.weights if "published" in r.summary]
    return [
        f"`{spec.name}`",
        spec.task,
        _input(spec.input),
        f"{spec.parameters:,}" if spec.parameters else "",
        "<br>".join(_weights(record, base) for record in spec.weights) or "train it",
        "<br>".join(figures),
        ", ".join(_link(url) for url in spec.sources),
    ]


def _input(component: Any) -> str:
    """Return a preprocessor's short name and options; a list of names as its length."""

    def show(key: str, value: Any) -> str:
        if not isinstance(value, list):
            return f"{key} {value}"
        sides = all(isinstance(item, int) for item in value)
        return f"{key} {' x '.join(map(str, value))}" if sides else f"{len(value)} {key}"

    options = [show(key, value) for key, value in component.config.items()]
    return ", ".join([component.uses.rpartition("/")[2], *options])


def _weights(record: Any, base: Path) -> str:
    size = f"{record.bytes / 1e6:,.1f} MB" if record.bytes else ""
    if record.file and (base / record.file).is_file():
        place = "in the package"
    elif not (record.sha256 or record.md5):
        place = "not fetched: its publisher gives no hash"
    else:
        place = "downloaded"
    return ", ".join(filter(None, [f"`{record.tag}`", size, record.licence, place]))


def _figure(figure: Any) -> str:
    bounds = [
        f"{word} {value:g}"
        for word, value in (("at least", figure.at_least), ("at most", figure.at_most))
        if value is not None
    ]
    published = f" {figure.published:g}" if figure.published is not None else ""
    held = f" (to reach: {', '.join(bounds)})" if bounds else ""
    if figure.needs:
        held = f" with `{' '.join(f'--set {text}' for text in figure.settings)}` (not measured: "
        held += f"needs {figure.needs})"
    return f"{figure.metric} on {figure.on}{published}{held}"


def _link(url: str) -> str:
    return f"[{re.sub(r'^https?://(www[.])?', '', url).partition('/')[0]}]({url})"


# Figures


def figures(of: str) -> str:
    """Return the table of measured figures: of all models, or of one model's variants."""
    from reproduce import in_order, load_records, missing_records

    from zoo_cli.commands.reproduce import markdown

    records = load_records()
    missing = missing_records()
    if of == "all models":
        records = [record for record in records if not record["settings"]]
        records += [record for record in missing if record["figures"][0]["on"] == "photo"]
    else:
        records = [record for record in records if record["model"] == of]
        # The model itself is a row next to its variants if it has the same figures.
        keys = {(r["backend"], _figure_keys(r)) for r in records if r["settings"]}
        records = [r for r in records if (r["backend"], _figure_keys(r)) in keys]
        records += [record for record in missing if record["model"] == of]
    return "\n" + markdown(in_order(records)) + "\n"


def _figure_keys(record: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    return tuple((figure["metric"], figure["on"]) for figure in record["figures"])


# Commands


def commands() -> str:
    """Return the help of every command."""
    from zoo.config import Cache, Settings
    from zoo_cli.main import cli

    context = click.Context(
        cli,
        info_name="zoo",
        terminal_width=WIDTH,
        max_content_width=WIDTH,
        help_option_names=cli.context_settings["help_option_names"],
    )
    text = [
        WRITTEN,
        "# Commands\n",
        "Results go to stdout, messages to stderr. Exit status: 0 all done; 1 something failed (at "
        "least one input); 2 wrong usage; 130 interrupted.\n",
        *_helps(cli, context, "##"),
        "## Environment\n",
        table(["variable", "meaning"], [[f"`{name}`", what] for name, what in ENVIRONMENT]),
        "## config.toml\n",
        "`zoo doctor` prints the path of this file. Flags and variables override it.\n",
        _struct_table(Settings),
        "`Cache` is the table `[cache]`:\n",
        _struct_table(Cache),
    ]
    return "\n".join(text)


ENVIRONMENT = (
    ("ZOO_HOME", "Folder for cache and configuration, instead of the platform's."),
    ("ZOO_OFFLINE", "`1`: download nothing, as `--offline`."),
    ("ZOO_MAX_PIXELS", "Pixels of the largest image to read: 100000000, if not set."),
    ("ZOO_PLAIN", "`1`: take no fast path; slower, with the same results."),
    ("ZOO_MIRROR", "Folder or URL to try first for every download, see [weights.md](weights.md)."),
    ("ZOO_TIMEOUT", "Seconds that a download may take, retries and waits included."),
    (
        "ZOO_LICENCES",
        "Licences whose weights may be used, separated by commas, see [weights.md](weights.md).",
    ),
    ("ZOO_PLUGINS", "Names of the plugins to load, separated by commas; the others are left out."),
    ("ZOO_STRICT", "`1`: a plugin with a problem is an error, not a line on stderr."),
    ("KERAS_BACKEND", "`jax`, `tensorflow` or `torch`, as `--backend`."),
)


def _helps(command: click.Command, context: click.Context, heading: str) -> Iterator[str]:
    if not (command.help or "").strip():
        sys.exit(f"{context.command_path} has no help text")
    yield f"{heading} {context.command_path}\n"
    yield f"```text\n{command.get_help(context)}\n```\n"
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None
            below = "###" if context.parent else "##"
            yield from _helps(inner, click.Context(inner, info_name=name, parent=context), below)


# Hooks


def hooks() -> str:
    """Return the reference of the hooks and of the base classes of their parts."""
    from zoo.parts import base
    from zoo.registry import hooks as module

    text = [
        WRITTEN,
        "# Hooks\n",
        f"A plugin module marks functions with these names with `@zoo.hookimpl`. Interface version "
        f"{module.API_VERSION}. A function may leave out arguments that it does not need.\n",
        f"Plugins import {_allowed_modules()}. Everything else in zoo may change in any version.\n",
    ]
    specs = [v for v in vars(module).values() if hasattr(v, "zoo_spec")]
    for hook in specs:
        text += [f"## {hook.__name__}\n", *_documented(hook, hook.__name__)]
    for name in ("Preprocessor", "Sequencer", "Decoder", "Classifier", "Regressor"):
        text += list(_class(getattr(base, name), base))
    return "\n".join(text)


def _allowed_modules() -> str:
    """Return the modules that the import contract allows plugins to import."""
    (contract,) = (rule for rule in rooms.contracts() if rule["name"].startswith("Plugins use"))
    names = [line.rpartition(" ")[2] for line in contract["ignore_imports"]]
    return f"`{names[0]}`, and for helpers " + ", ".join(f"`{name}`" for name in names[1:])


def _class(cls: type, module: ModuleType) -> Iterator[str]:
    bases = [base.__name__ for base in cls.__bases__ if base.__module__ == module.__name__]
    yield f"## zoo.{cls.__name__}\n"
    yield f"```python\nclass {cls.__name__}({', '.join(bases) or 'abc.ABC'})\n```\n"
    yield to_markdown(read_doc(cls, cls.__name__))
    for name, member in vars(cls).items():
        if name.startswith("_") or not (callable(member) or isinstance(member, property)):
            continue
        yield f"### {cls.__name__}.{name}\n"
        yield from _documented(member, f"{cls.__name__}.{name}")


def _documented(member: Any, name: str) -> Iterator[str]:
    function = member.fget if isinstance(member, property) else member
    kind = "@property\n" if isinstance(member, property) else ""
    if getattr(function, "__isabstractmethod__", False):
        kind += "@abc.abstractmethod\n"
    signature = str(inspect.signature(function)).replace("'", "")
    yield f"```python\n{kind}def {function.__name__}{signature}\n```\n"
    yield to_markdown(read_doc(member, name))


# Errors


def errors() -> str:
    """Return the kinds of errors, each with its cause and its cure."""
    from zoo.errors import KINDS
    from zoo_weights.errors import SYSTEM_CURES

    return "\n".join(
        [
            WRITTEN,
            "# Errors\n",
            "An error is one sentence on stderr: what happened, the value received, what to do. "
            "With `-vv` its traceback follows. Exit status: 1 something failed, 2 wrong usage, 130 "
            "interrupted.\n",
            "`internal error: ...` is one that zoo did not foresee: run the command again with "
            "`-vv`, and report it with the traceback.\n",
            "## Kinds of input errors\n",
            "An input that cannot be used does not end the job: it becomes a record with "
            '`"error": {"kind": ..., "message": ...}`. In Python the kind is `InputError.kind`, or '
            "that of a result's `error`. Plugins may have further kinds.\n",
            table(["kind", "cause", "cure"], [[f"`{k}`", *texts] for k, texts in KINDS.items()]),
            "## Errors of the system\n",
            "What the system refuses is told with the path and, from this table, the cure.\n",
            table(
                ["error", "cause", "cure"],
                [[f"`{name}`", *texts] for name, texts in SYSTEM_CURES.items()],
            ),
        ]
    )


# Specs


def schema() -> str:
    """Return the JSON Schema of a spec file, with descriptions of the fields for editors."""
    import zoo
    from zoo.spec.files import json_schema

    plain = json_schema()
    records = (
        zoo.ModelSpec, zoo.Training, zoo.Objective, zoo.Split, zoo.EarlyStopping, zoo.Unfreezing,
        zoo.WeightsRecord, zoo.Figure,
    )  # fmt: skip
    for struct in records:
        definition = plain["$defs"][struct.__name__]
        definition["description"] = read_doc(struct, struct.__name__).partition("\n")[0]
        meanings = meanings_of(struct)
        for name, value in definition["properties"].items():
            value["description"] = meanings[name]
    draft = "https://json-schema.org/draft/2020-12/schema"
    return json.dumps({"$schema": draft, **plain}, indent=2) + "\n"


def fields() -> str:
    """Return the tables of the fields of a spec and its parts."""
    import zoo

    titles = (
        ("The model: top level", zoo.ModelSpec, None),
        ("The recipe: `[training]`", zoo.Training, None),
        ("An output: `[training.outputs.NAME]`", zoo.Objective, None),
        ("Held-out rows: `[training.validation]`", zoo.Split, None),
        ("Stopping early: `[training.early_stopping]`", zoo.EarlyStopping, None),
        ("A second phase: `[training.unfreeze]`", zoo.Unfreezing, None),
        ("A weights file: `[[weights]]`", zoo.WeightsRecord, None),
        ("A figure: `[[figures]]`", zoo.Figure, None),
        ("A dataset: `zoo.Dataset(...)`", zoo.Dataset, None),
        ("Its file: `zoo.FileRecord(...)`", zoo.FileRecord, zoo.WeightsRecord),
    )
    text = []
    for title, struct, shown_before in titles:
        text.append(f"### {title}\n")
        if shown_before is not None:
            names = ", ".join(f"`{name}`" for name in struct.__struct_fields__)
            text.append(f"The fields of a weights record that describe the file: {names}.\n")
        else:
            text.append(_struct_table(struct))
    return "\n" + "\n".join(text) + "\n"


def _struct_table(struct: Any) -> str:
    meanings = meanings_of(struct)
    info: Any = msgspec.inspect.type_info(struct)
    rows = [
        [f"`{field.name}`", type_name(field.type), default_of(field), meanings[field.name]]
        for field in sorted(info.fields, key=lambda field: not field.required)
    ]
    return table(["field", "type", "default", "meaning"], rows)


if __name__ == "__main__":
    sys.exit(main())
