"""The documents against the program: commands run, links lead somewhere, tables agree.

Console blocks of README.md show commands behind ``$`` and their output. Those of tclearn are run,
the blocks of one section in one folder and in their order. What depends on the machine or on
versions (digests, scores, simulated times, counts) is compared in form alone; who proposed, what
was accepted, which verdicts and findings came out is compared word by word.

    python -m tests.test_docs_readme        writes the output of today into README.md
"""

import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
PROGRAM = [sys.executable, "-c", "from scenarios.cli import main; main()"]
COLUMN_COUNT = 100
"""Width of the terminal that the README shows."""

FORMS = (
    (r"\b[0-9a-f]{64}\b", "<digest>"),
    (r"\b[0-9a-f]{16}\b", "<short digest>"),
    (r"\d+\.\d %", "<percent>"),
    (r"\b\d+\.\d\d s\b", "<time>"),
    (r"\b\d+ (of \d+ accept|x |events|signatures|different|cosignatures|times|verdicts)", r"# \1"),
    (r" +", " "),
)
"""What differs between machines and versions, and the form in which it is compared."""


@dataclass(slots=True)
class Command:
    """A command of a document, with what stands under it."""

    line: str
    """What is typed."""
    output: list[str] = field(default_factory=list)
    """The lines that the document shows."""


def console_blocks(text: str) -> Iterator[str]:
    for block in re.findall(r"^```console\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        yield str(block)


def commands(block: str) -> list[Command]:
    found: list[Command] = []
    for line in block.splitlines():
        if line.startswith("$ "):
            found.append(Command(line[2:]))
        elif found:
            found[-1].output.append(line)
    return found


def sections() -> dict[str, list[Command]]:
    """The commands of the README by section, where some are of tclearn."""
    parts = re.split(r"^## (.+)$", README.read_text("utf-8"), flags=re.MULTILINE)
    named = zip(parts[1::2], parts[2::2], strict=True)
    found = {
        title: [each for block in console_blocks(text) for each in commands(block)]
        for title, text in named
    }
    return {title: lines for title, lines in found.items() if any(map(is_ours, lines))}


def is_ours(command: Command) -> bool:
    return arguments(command) is not None


def arguments(command: Command) -> list[str] | None:
    """The arguments of a command of tclearn; None of any other program."""
    program, *rest = shlex.split(command.line, comments=True)
    return rest if program in ("tclearn", ".venv/bin/tclearn") else None


def outputs(lines: list[Command], folder: Path) -> Iterator[tuple[Command, list[str]]]:
    """Run the commands of a section; yield what each printed, with ``echo $?`` answered."""
    status = 0
    environment = {**os.environ, "COLUMNS": str(COLUMN_COUNT), "PYTHONPATH": str(ROOT)}
    for command in lines:
        given = arguments(command)
        if given is not None:
            done = subprocess.run(
                [*PROGRAM, *given], cwd=folder, env=environment, capture_output=True, text=True
            )
            told = given[0] == "study"  # how far it is, line by line, where there is no terminal
            assert told or done.stderr == "", done.stderr
            status = done.returncode
            yield command, [line.rstrip() for line in done.stdout.splitlines()]
        elif command.line == "echo $?":
            yield command, [str(status)]


def in_form(lines: list[str]) -> list[str]:
    """Lines as they are compared: without empty ones at the ends, numbers in their form."""
    text = "\n".join(lines).strip("\n")
    for pattern, form in FORMS:
        text = re.sub(pattern, form, text)
    return [line.rstrip() for line in text.splitlines()]


@pytest.mark.parametrize("title", sections())
def test_the_commands_of_the_readme_print_what_it_shows(title: str, tmp_path: Path) -> None:
    for command, found in outputs(sections()[title], tmp_path):
        if command.output:
            assert in_form(command.output) == in_form(found), command.line


def test_the_readme_shows_both_commands_and_the_library() -> None:
    text = README.read_text("utf-8")
    assert "$ make demo" in text
    shown = {each.line for lines in sections().values() for each in lines}
    for needed in ("run quickstart", "audit runs/quickstart", "run majority-twin"):
        assert any(needed in line for line in shown), needed


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_of_a_document_leads_somewhere(document: Path) -> None:
    text = re.sub(r"^```.*?^```$", "", document.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (document.parent / path).resolve() if path else document
        assert file.exists(), f"{document.name} links to {target}"
        if anchor:
            assert anchor in anchors(file), f"{document.name} links to {target}"


def anchors(document: Path) -> set[str]:
    """The anchors of a document's headings, as they are made from their words."""
    headings = re.findall(r"^#+ (.+)$", document.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", each.lower()).strip().replace(" ", "-") for each in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_make_targets_and_modules_that_a_document_names_exist(document: Path) -> None:
    text = document.read_text("utf-8")
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    for target in re.findall(r"(?:`|\$ )make ([a-z]+)", text):
        assert target in targets, target
    for module in re.findall(r"python -m ((?:benchmarks|tests)[\w.]*)", text):
        assert (ROOT / module.replace(".", "/")).with_suffix(".py").exists(), module


def test_every_file_that_the_architecture_names_exists() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text("utf-8")
    checked = 0
    for line in text.splitlines():
        package = re.match(r"\| `(\w+)/` \|", line)
        for name in re.findall(r"`([\w/]+(?:\.py|/))`", line):
            near = ROOT / package[1] if package else ROOT
            shell = ROOT / "scenarios"
            places = (ROOT, near, shell, shell / "simulation", shell / "studies")
            assert any((place / name).exists() for place in places), name
            checked += 1
    assert checked > 60


# docs/scenarios.md


def schema_tables(page: str = "scenarios.md") -> dict[str, dict[str, str]]:
    """The tables of keys and defaults behind a comment that names their section."""
    text = (ROOT / "docs" / page).read_text("utf-8")
    found: dict[str, dict[str, str]] = {}
    for name, rows in re.findall(r"<!-- schema: (\w+) -->\n((?:\|.*\n)+)", text):
        _, _, *body = rows.splitlines()
        cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in body]
        found[name] = {cell[0].strip("`"): cell[1] for cell in cells}
    return found


def schema_defaults(section: dict[str, Any]) -> dict[str, str]:
    """The keys of a section with their defaults, as the page words them."""
    import json

    required = section.get("required", [])
    words = {}
    for key, value in section.get("properties", {}).items():
        if "default" in value:
            words[key] = f"`{json.dumps(value['default'])}`"
        elif "$ref" in value:
            words[key] = "section"
        else:
            words[key] = "required" if key in required else "absent"
    return words


def test_the_page_on_scenarios_has_every_key_with_its_default() -> None:
    from scenarios.source import json_schema

    schema = json_schema()
    sections = {"Scenario": schema, **schema["$defs"]}
    tables = schema_tables()
    poison = tables.pop("Poison")
    for name, section in sections.items():
        known = schema_defaults(section)
        if not known:
            continue
        if "attack" in known:
            known = {key: known[key] for key in poison}
            assert known == poison, f"docs/scenarios.md, poison: {name}"
        else:
            assert tables.pop(name, None) == known, f"docs/scenarios.md: a table of {name}"
    assert not tables, "tables of sections that do not exist"


def test_the_page_on_studies_has_every_key_with_its_default() -> None:
    from scenarios.source import json_schema as of_scenarios
    from scenarios.studies.schema import json_schema

    schema = json_schema()
    sections = {"Study": schema, **schema["$defs"]}
    tables = schema_tables("studies.md")
    for name in sections.keys() - of_scenarios()["$defs"].keys():
        assert tables.pop(name, None) == schema_defaults(sections[name]), f"studies.md: {name}"
    assert not tables, "tables of sections that do not exist"


def test_the_examples_on_the_page_on_studies_are_read() -> None:
    from scenarios.source_yaml import Tree, read_yaml
    from scenarios.studies.plan import plan
    from scenarios.studies.source import load, parse

    text = (ROOT / "docs" / "studies.md").read_text("utf-8")
    for example in re.findall(r"^```yaml\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        tree: Tree | None = read_yaml(example, str, {})
        assert isinstance(tree, dict)
        if "sweep" in tree:
            head = "study: x\nquestion: {kind: threshold, of: agreement}\n"
            plan(parse(f"{head}faulty: {{fault: {{kind: silence}}}}\n{example}", "example"))
    for block in console_blocks(text):
        for command in commands(block):
            given = arguments(command) or []
            overrides = [given[at + 1] for at, word in enumerate(given) if word == "--set"]
            if given[:2] == ["study", "two-thirds"]:
                load("two-thirds", overrides)


def test_the_page_on_scenarios_has_every_attack_with_its_strength() -> None:
    from scenarios.source import json_schema

    text = (ROOT / "docs" / "scenarios.md").read_text("utf-8")
    rows = re.findall(r"^\| `([\w-]+)` \| (?:`(\w+)`)? ?\| (?:(`.*?`))? ?\| .* \|$", text, re.M)
    stated = {attack: (key, default) for attack, key, default in rows}
    common = schema_tables()["Poison"].keys()
    for name, section in json_schema()["$defs"].items():
        known = schema_defaults(section)
        if "attack" in known:
            attack = section["properties"]["attack"]["const"]
            own = [(key, value) for key, value in known.items() if key not in common]
            assert stated[attack] == (own[0] if own else ("", "")), name


def example() -> str:
    text = (ROOT / "docs" / "scenarios.md").read_text("utf-8")
    (found,) = re.findall(r"^```yaml\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return str(found)


def test_the_complete_example_runs_as_the_page_says(tmp_path: Path) -> None:
    (tmp_path / "clinics.yaml").write_text(example(), "utf-8")
    lines = [Command("tclearn run clinics.yaml --out run --quiet"), Command("echo $?")]
    lines += [Command("tclearn audit run"), Command("echo $?")]
    printed = [found for _, found in outputs(lines, tmp_path)]
    assert printed[1] == ["0"]
    assert printed[2][-1] == "INCOMPLETE"
    assert printed[3] == ["3"]
    rounds = (tmp_path / "run" / "metrics" / "rounds.csv").read_text("utf-8").splitlines()
    assert [row.split(",")[2] for row in rounds[1:]] == ["ghent", "leuven", "liege", "", "ghent"]


def test_the_overrides_on_the_page_are_accepted() -> None:
    from scenarios.source import load

    text = (ROOT / "docs" / "scenarios.md").read_text("utf-8")
    for block in console_blocks(text):
        for command in commands(block):
            given = arguments(command) or []
            overrides = [given[at + 1] for at, word in enumerate(given) if word == "--set"]
            if given[:2] == ["run", "quickstart"] and "costs=fast.yaml" not in overrides:
                load("quickstart", overrides)


def test_the_default_cost_profile_names_the_command_that_measured_it() -> None:
    from dataclasses import fields

    from benchmarks.cost_profile import document
    from scenarios.simulation.costs import PROFILES, CostProfile, load_profile

    text = (PROFILES / "default.yaml").read_text("utf-8")
    profile = load_profile("default")
    names = [field.name for field in fields(CostProfile)]
    assert text == document({name: getattr(profile, name) for name in names}, "openssl")


def test_the_figure_is_drawn_from_the_tables_of_a_run(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    metrics = tmp_path / "metrics"
    metrics.mkdir()
    (tmp_path / "run.json").write_text('{"global_score": {"first": 400000}}', "utf-8")
    (metrics / "rounds.csv").write_text(
        "height,type,proposer,global_score\n1,accepted,h1,900000\n2,rejected,h2,500000\n3,end,h1,\n",
        "utf-8",
    )
    (metrics / "verdicts.csv").write_text(
        "slot,hospital,local_score\n1,h1,900000\n1,h2,800000\n2,h1,\n", "utf-8"
    )
    script = str(ROOT / "docs" / "figures" / "quickstart.py")
    subprocess.run([sys.executable, script, str(tmp_path), "first.svg"], cwd=tmp_path, check=True)
    drawn = (tmp_path / "first.svg").read_text("utf-8")
    assert "on G, refused" in drawn
    assert "<dc:date>" not in drawn


def renew() -> None:
    """Write the output of today into the README, where it shows output at all."""
    text = README.read_text("utf-8")
    for lines in sections().values():
        with tempfile.TemporaryDirectory() as folder:
            for command, found in outputs(lines, Path(folder)):
                if not command.output:
                    continue
                shown = "\n".join(command.output)
                kept = "\n" * (len(shown) - len(shown.rstrip("\n")))
                before = f"$ {command.line}\n{shown}"
                assert text.count(before) == 1, command.line
                now = "\n".join(found).strip("\n")
                text = text.replace(before, f"$ {command.line}\n{now}{kept}")
    README.write_text(text, "utf-8")


if __name__ == "__main__":
    renew()
