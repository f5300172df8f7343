"""The example notebook is kept without outputs, and runs from its first cell to its last."""

import json
import os
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from tests.program import environment

NOTEBOOK = Path(__file__).parent.parent / "docs" / "notebooks" / "first-look.ipynb"
TIME_LIMIT_S = 300
"""After which a cell that hangs fails the test; nothing waits for it."""


def test_the_notebook_is_kept_without_what_it_prints() -> None:
    for cell in json.loads(NOTEBOOK.read_text("utf-8"))["cells"]:
        assert cell.get("outputs", []) == []
        assert cell.get("execution_count") is None


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """The cells of the notebook after a run of it, nothing of it written outside a folder."""
    folder = tmp_path_factory.mktemp("notebook")
    places = {f"JUPYTER_{each}_DIR": str(folder / each) for each in ("CONFIG", "RUNTIME", "DATA")}
    places |= {"IPYTHONDIR": str(folder / "ipython"), "TMPDIR": str(folder)}
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    notebook = nbformat.read(NOTEBOOK, as_version=4)  # type: ignore[no-untyped-call]  # theirs
    client = NotebookClient(
        notebook, timeout=TIME_LIMIT_S, resources={"metadata": {"path": folder}}
    )
    client.execute(env=environment(PATH=path, **places))
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def printed(cells: list[dict[str, Any]], beginning: str) -> str:
    """The text of the result of the cell that begins so."""
    (cell,) = [each for each in cells if each["source"].startswith(beginning)]
    return "".join(
        "".join(output["data"]["text/plain"])
        for output in cell["outputs"]
        if output["output_type"] == "execute_result"
    )


def test_the_notebook_runs_and_shows_what_its_words_say(executed: list[dict[str, Any]]) -> None:
    assert printed(executed, "!tclearn run").startswith("('finished', 42, {'first': ")
    assert printed(executed, "overrides").strip() == "True"
    assert "rejected" in printed(executed, "run.rounds")
    assert "False" not in printed(executed, "study.thresholds")
    assert all(
        output["output_type"] != "stream" for cell in executed for output in cell["outputs"]
    ), "no program had anything to complain of"
