"""Five packages under their own names, installed and in the wheel, in layers, in small modules."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.program import environment

ROOT = Path(__file__).parent.parent
PACKAGES = ("consensus", "crypto", "fl", "ledger", "scenarios")
LINE_COUNT_MAX = 500
VAGUE = {"common", "helpers", "misc", "util", "utils"}
MODULES = sorted(path for name in PACKAGES for path in (ROOT / name).rglob("*.py"))


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The names in the wheel, built without the network."""
    folder = tmp_path_factory.mktemp("wheel")
    words = ["pip", "wheel", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir"]
    subprocess.run(
        [sys.executable, "-m", *words, folder, ROOT],
        cwd=folder,
        check=True,
        capture_output=True,
    )
    (file,) = folder.glob("tclearn-*.whl")
    with zipfile.ZipFile(file) as archive:
        return archive.namelist()


def test_the_packages_import_from_anywhere(tmp_path: Path) -> None:
    code = f"import {', '.join(PACKAGES)}; print(*(p.__file__ for p in ({', '.join(PACKAGES)})))"
    done = subprocess.run(
        [sys.executable, "-P", "-c", code],
        cwd=tmp_path,
        env=environment(),
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout.split() == [str(ROOT / name / "__init__.py") for name in PACKAGES]


def test_the_wheel_holds_the_packages_and_their_data_and_nothing_else(wheel: list[str]) -> None:
    tops = {name.split("/")[0] for name in wheel}
    (info,) = (top for top in tops if top.endswith(".dist-info"))
    assert tops == {*PACKAGES, info}
    expected = [
        path.relative_to(ROOT).as_posix()
        for name in PACKAGES
        for pattern in ("*.py", "*.yaml", "*.js", "*.css", "py.typed")
        for path in (ROOT / name).rglob(pattern)
    ]
    assert set(expected) <= set(wheel)
    assert {f"{name}/py.typed" for name in PACKAGES} <= set(wheel)
    assert "scenarios/library/quickstart.yaml" in wheel
    assert "scenarios/costs/default.yaml" in wheel
    assert "scenarios/studies/library/two-thirds.yaml" in wheel


def test_no_module_is_long_and_none_has_a_vague_name() -> None:
    lengths = {path: path.read_text("utf-8").count("\n") for path in MODULES}
    assert [str(path) for path, count in lengths.items() if count > LINE_COUNT_MAX] == []
    assert [str(path) for path in MODULES if path.stem in VAGUE or path.parent.name in VAGUE] == []


def test_the_layers_are_kept(tmp_path: Path) -> None:
    program = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run(
        [program, "--config", ROOT / "pyproject.toml", "--cache-dir", tmp_path],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
