"""The verifier with one of its checks taken out, and whether any case notices.

    python -m tests.corpus.mutants CASES [NUMBER...]

`CASES` is a directory of run directories; the numbers choose mutants, by default all. For each a
process is forked that knows no module of the ledger yet; it loads the package with one statement
changed and audits the cases until one is judged differently. One line is printed for each mutant:
its number and the first case that noticed, or ``-`` for a survivor.

A mutant is a statement that reports something replaced by one that does nothing, or one side of an
``or`` in the condition before such a statement taken out.
"""

import ast
import json
import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass, field
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_loader
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).parents[2]
FILES = (
    *(
        f"ledger/{name}.py"
        for name in (
            "record",
            "store",
            "schema",
            "block",
            "body",
            "genesis",
            "candidate",
            "notice",
            "norm",
            "chain",
            "decision",
        )
    ),
    *sorted(f"ledger/audit/{path.name}" for path in (ROOT / "ledger/audit").glob("*.py")),
)
"""The verifier."""
SECONDS_MAX = 20
"""Of processor time for one mutant; an audit that does not end is judged differently."""

_CALLS = ("check", "_check", "add", "_add", "report", "_tear", "_settle", "append", "finish")
_WRITERS = {"LedgerWriter"}
"""Classes that write, in modules that verify: tests.test_ledger_store breaks their checks."""
_READERS = {"schema", "block", "body", "candidate", "genesis", "notice"}


@dataclass(frozen=True, slots=True)
class Mutant:
    """A module with one check taken out."""

    file: str
    """The module, relative to the root."""
    name: str
    """The module, the function and the statement: stays the same when lines move."""
    tree: ast.Module = field(repr=False)
    """The module."""
    statement: ast.stmt = field(repr=False)
    """The statement of the module that is replaced."""
    replacement: ast.stmt = field(repr=False)
    """What stands in its place."""

    def code(self) -> str:
        """The changed source."""
        copies: dict[int, Any] = {}
        changed = deepcopy(self.tree, copies)
        place, replacement = copies[id(self.statement)], self.replacement

        class Swap(ast.NodeTransformer):
            def visit(self, node: ast.AST) -> Any:
                return replacement if node is place else self.generic_visit(node)

        return ast.unparse(ast.fix_missing_locations(Swap().visit(changed)))


def mutants() -> list[Mutant]:
    """All of them, in the order of the source."""
    return [mutant for file in FILES for mutant in _of_file(file)]


def _of_file(file: str) -> Iterator[Mutant]:
    tree = ast.parse((ROOT / file).read_text())
    seen: dict[str, int] = {}
    for function, statement, replacement, what in _changes(tree):
        name = f"{file.removesuffix('.py')}:{function}: {what}"
        seen[name] = seen.get(name, 0) + 1
        if seen[name] > 1:
            name += f" #{seen[name]}"
        yield Mutant(file, name, tree, statement, replacement)


def _changes(tree: ast.Module) -> Iterator[tuple[str, ast.stmt, ast.stmt, str]]:
    """Function, statement, what stands in its place, and a description."""
    writing = {
        function
        for group in ast.walk(tree)
        if isinstance(group, ast.ClassDef) and group.name in _WRITERS
        for function in group.body
    }
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef) or function in writing:
            continue
        for statement in _statements(function):
            if isinstance(statement, ast.If) and any(map(_reports, statement.body)):
                yield from _weaker(function.name, statement)
            if _reports(statement):
                nothing = ast.parse("yield from ()" if _yields(statement) else "pass").body[0]
                yield function.name, statement, nothing, ast.unparse(statement)


def _statements(function: ast.FunctionDef) -> Iterator[ast.stmt]:
    """The statements of a function, without those of functions inside it."""
    inside: list[ast.AST] = list(function.body)
    while inside:
        node = inside.pop(0)
        if isinstance(node, ast.FunctionDef):
            continue
        if isinstance(node, ast.stmt):
            yield node
        inside[:0] = list(ast.iter_child_nodes(node))


def _weaker(function: str, statement: ast.If) -> Iterator[tuple[str, ast.stmt, ast.stmt, str]]:
    test = statement.test
    if not isinstance(test, ast.BoolOp) or not isinstance(test.op, ast.Or):
        return
    for number, dropped in enumerate(test.values):
        rest = [each for index, each in enumerate(test.values) if index != number]
        shorter = rest[0] if len(rest) == 1 else ast.BoolOp(ast.Or(), rest)
        weaker = ast.If(shorter, statement.body, statement.orelse)
        what = f"if {ast.unparse(test)} without {ast.unparse(dropped)}"
        yield function, statement, weaker, what


def _reports(statement: ast.stmt) -> bool:
    """Whether a statement says that something is wrong, or asks somebody who may say so."""
    if isinstance(statement, ast.Raise):
        return statement.exc is not None
    if not isinstance(statement, ast.Expr):
        return False
    value = statement.value
    if isinstance(value, ast.Yield):
        return value.value is not None and not isinstance(value.value, ast.Constant | ast.Name)
    if isinstance(value, ast.YieldFrom):
        return True
    return isinstance(value, ast.Call) and _called(value).startswith(_CALLS)


def _called(call: ast.Call) -> str:
    function = call.func
    return function.attr if isinstance(function, ast.Attribute) else ast.unparse(function)


def _yields(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(
        statement.value, ast.Yield | ast.YieldFrom
    )


class _Changed(MetaPathFinder, Loader):
    """Loads one module from changed source."""

    def __init__(self, mutant: Mutant) -> None:
        name = mutant.file.removesuffix(".py").replace("/", ".")
        self._package = name.endswith(".__init__")
        self._name = name.removesuffix(".__init__")
        self._mutant = mutant

    def find_spec(self, fullname: str, *_: object) -> ModuleSpec | None:
        if fullname != self._name:
            return None
        return spec_from_loader(fullname, self, is_package=self._package)

    def exec_module(self, module: ModuleType) -> None:
        exec(compile(self._mutant.code(), self._mutant.file, "exec"), module.__dict__)  # noqa: S102 (the point)


def noticed(mutant: Mutant, cases: list[tuple[Path, Any]]) -> str | None:
    """The first case that a mutant judges differently; run this in a process of its own."""
    sys.meta_path.insert(0, _Changed(mutant))
    try:
        from .judge import judged_with_doubts
    except Exception as error:
        return f"import: {error!r}"
    for case, expected in cases:
        try:
            found: Any = judged_with_doubts(case)
        except Exception as error:
            found = repr(error)
        if found != expected:
            return case.name
    return None


def _in_a_process(mutant: Mutant, cases: list[tuple[Path, Any]]) -> str | None:
    """Fork, so that a mutant leaves nothing behind."""
    import resource

    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS_MAX, SECONDS_MAX))
        os.write(writing, (noticed(mutant, cases) or "").encode()[:4000])
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as answer:
        found = answer.read().decode()
    _, status = os.waitpid(child, 0)
    return (found or None) if status == 0 else f"ended with status {status}"


def _in_order(cases: list[tuple[Path, Any]], mutant: Mutant) -> list[tuple[Path, Any]]:
    """First those whose findings the changed function or statement could have made."""

    reader = Path(mutant.file).stem in _READERS

    def far(case: tuple[Path, Any]) -> tuple[bool, bool]:
        codes = {finding["code"] for finding in case[1]["findings"]}
        other = not any(code in mutant.name for code in codes)
        return other, reader and "BAD_SCHEMA" not in codes

    return sorted(cases, key=far)


def _load_libraries() -> None:
    """Load what the processes share: the libraries, and nothing of the ledger."""
    import crypto.norm_proof  # noqa: F401 (loads numpy)
    from crypto.signature import Algorithm, private_key, sign, verify

    for algorithm in (Algorithm.ED25519, Algorithm.ML_DSA_44):
        key = private_key(algorithm, bytes(32))
        verify(key.public_key, sign(key, b""), b"")
    assert not [name for name in sys.modules if name.partition(".")[0] == "ledger"]


def main(directory: Path, numbers: list[int]) -> None:
    """Judge mutants; see the module."""
    _load_libraries()
    cases = [
        (path, json.loads((path / "expect.json").read_bytes()))
        for path in sorted(directory.iterdir())
        if path.is_dir()
    ]
    everything = mutants()
    for number in numbers or range(len(everything)):
        mutant = everything[number]
        print(number, _in_a_process(mutant, _in_order(cases, mutant)) or "-", flush=True)  # noqa: T201


if __name__ == "__main__":
    with suppress(BrokenPipeError):
        main(Path(sys.argv[1]), [int(each) for each in sys.argv[2:]])
