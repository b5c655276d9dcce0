"""Break one place in the code at a time, and see whether the quick tests that reach it notice.

``python tools/mutants.py`` draws 60 places with a fixed seed, equally many of each kind: a sign, a
bound, a condition, an ``except``. A first run of the quick tests in a copy of the tree must pass;
it records which test reaches which line. Each mutant then gets its own copy, where the tests that
reach its line run until one fails; if the record names none (lines that only other processes
reach), all quick tests run. The exit status is 1 if more than a fifth survive.
"""

from __future__ import annotations

import argparse
import ast
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
PACKAGES = ("zoo", "weights", "cli", "plugins")
FOLDERS = (".", "weights", "cli", "plugins")
KINDS = ("sign", "bound", "condition", "except")
SWAPS: dict[type, tuple[str, str, str]] = {
    ast.Add: ("sign", "+", "-"),
    ast.Sub: ("sign", "-", "+"),
    ast.Mult: ("sign", "*", "/"),
    ast.Div: ("sign", "/", "*"),
    ast.Lt: ("bound", "<", "<="),
    ast.LtE: ("bound", "<=", "<"),
    ast.Gt: ("bound", ">", ">="),
    ast.GtE: ("bound", ">=", ">"),
    ast.Eq: ("condition", "==", "!="),
    ast.NotEq: ("condition", "!=", "=="),
    ast.And: ("condition", "and", "or"),
    ast.Or: ("condition", "or", "and"),
}
SECONDS = 1800
"""Time limit of the tests of one mutant; a mutant that hangs counts as noticed."""


class Mutant(NamedTuple):
    """One change to one file: the bytes from `start` to `end` become `text`."""

    path: str
    line: int
    kind: str
    start: int
    end: int
    text: str

    def __str__(self) -> str:
        old = (ROOT / self.path).read_bytes()[self.start : self.end].decode()
        old, new = " ".join(old.split()), " ".join(self.text.split())
        return f"{self.path}:{self.line} {self.kind}: {old!r} -> {new!r}"


def mutants_of(path: str) -> Iterator[Mutant]:
    """Yield all mutants of a file."""
    source = (ROOT / path).read_bytes()
    lines = [0]
    for line in source.splitlines(keepends=True):
        lines.append(lines[-1] + len(line))

    def start(node: ast.AST) -> int:
        return lines[node.lineno - 1] + node.col_offset

    def end(node: ast.AST) -> int:
        return lines[node.end_lineno - 1] + node.end_col_offset

    def swap(left: ast.AST, operator: ast.AST, right: ast.AST) -> Iterator[Mutant]:
        kind, old, new = SWAPS.get(type(operator), ("", "", ""))
        between = source[end(left) : start(right)].decode()
        if kind and between.count(old) == 1:
            text = between.replace(old, new)
            yield Mutant(path, right.lineno, kind, end(left), start(right), text)

    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.BinOp):
            yield from swap(node.left, node.op, node.right)
        elif isinstance(node, ast.BoolOp):
            for left, right in zip(node.values, node.values[1:], strict=False):
                yield from swap(left, node.op, right)
        elif isinstance(node, ast.Compare) and len(node.ops) == 1:
            yield from swap(node.left, node.ops[0], node.comparators[0])
        elif isinstance(node, ast.If | ast.While | ast.IfExp):
            test = node.test
            text = source[start(test) : end(test)].decode()
            if text != "TYPE_CHECKING":
                new = f"(not ({text}))"
                yield Mutant(path, test.lineno, "condition", start(test), end(test), new)
        elif isinstance(node, ast.ExceptHandler):
            first, last = node.body[0], node.body[-1]
            if not isinstance(first, ast.Raise) or first.exc is not None:
                yield Mutant(path, first.lineno, "except", start(first), end(last), "raise")


def draw_mutants(count: int, seed: int) -> list[Mutant]:
    """Return mutants drawn from all modules, equally many of each kind."""
    listed = subprocess.run(
        ["git", "ls-files", *(f"{folder}/**.py" for folder in PACKAGES)],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    mutants = [mutant for path in sorted(listed.stdout.split()) for mutant in mutants_of(path)]
    rng = random.Random(seed)
    return [
        mutant
        for kind in KINDS
        for mutant in rng.sample([m for m in mutants if m.kind == kind], count // len(KINDS))
    ]


def copy_tree(folder: Path) -> tuple[Path, dict[str, str]]:
    """Copy the tree; return the copy and an environment that imports its packages."""
    ignored = shutil.ignore_patterns(
        ".git", ".venv", ".*_cache", ".coverage*", "__pycache__", "runs"
    )
    tree = shutil.copytree(ROOT, folder / "tree", ignore=ignored)
    paths = os.pathsep.join(str(tree / package) for package in FOLDERS)
    return tree, {**os.environ, "PYTHONPATH": paths}


def record_lines(folder: Path) -> Path:
    """Run the quick tests once, and return the record of which test reaches which line."""
    tree, env = copy_tree(folder)
    data = folder / "reached"
    subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--cov", "--cov-context=test", "--cov-report="],
        cwd=tree, env={**env, "COVERAGE_FILE": str(data)}, check=True,
    )  # fmt: skip
    return data


def tests_reaching(data: Path, mutant: Mutant) -> list[str]:
    """Return the tests that reach a mutant's line."""
    from coverage.numbits import num_in_numbits

    with sqlite3.connect(data) as base:
        rows = base.execute(
            "select context.context, line_bits.numbits from line_bits"
            " join file on file.id = file_id join context on context.id = context_id"
            " where file.path = ? and context.context != ''",
            [mutant.path],
        ).fetchall()
    tests = {name.split("|")[0] for name, bits in rows if num_in_numbits(mutant.line, bits)}
    return sorted({name.partition("[")[0] for name in tests})  # with all their parameters


def survives(mutant: Mutant, data: Path) -> bool:
    """Return whether the quick tests pass with a mutant."""
    with tempfile.TemporaryDirectory() as folder:
        tree, env = copy_tree(Path(folder))
        path = tree / mutant.path
        source = path.read_bytes()
        path.write_bytes(source[: mutant.start] + mutant.text.encode() + source[mutant.end :])
        tests = tests_reaching(data, mutant)
        if tests:
            list_ = Path(folder) / "tests.txt"
            list_.write_text("\n".join(tests))
            arguments = [f"@{list_}", "-n0", "--dist=no"]
        else:
            arguments = ["-n1"]
        try:
            done = subprocess.run(
                [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *arguments],
                cwd=tree, env=env, timeout=SECONDS, check=False,
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return False
        return done.returncode == 0


def main() -> int:
    """Draw the mutants, run their tests, and print which are noticed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--reached", type=Path, help="a record from an earlier run")
    parser.add_argument("--list", action="store_true", help="print the mutants, run nothing")
    options = parser.parse_args()
    mutants = draw_mutants(options.count, options.seed)
    if options.list:
        print(*mutants, sep="\n")
        return 0
    with tempfile.TemporaryDirectory() as folder:
        data = options.reached or record_lines(Path(folder))
        survivors = 0
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for mutant, alive in zip(
                mutants, pool.map(lambda mutant: survives(mutant, data), mutants), strict=True
            ):
                survivors += alive
                print("survived" if alive else "noticed ", mutant, flush=True)
    print(f"{len(mutants) - survivors} of {len(mutants)} noticed")
    return int(survivors > len(mutants) / 5)


if __name__ == "__main__":
    sys.exit(main())
