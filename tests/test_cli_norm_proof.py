"""``tclearn proof demo``: one proof accepted, five cheats refused, in words and in JSON."""

from pathlib import Path
from typing import Any

import pytest

from scenarios.cli import norm_proof
from tests.program import one_object, tclearn

CHEATS = [
    "an update too long by one",
    "replayed in the next round",
    "under another name",
    "with another ciphertext",
    "for another update",
]
SMALL = ("proof", "demo", "--length", "600", "--bound", "4096")


def test_the_demo_accepts_once_and_refuses_five_times(tmp_path: Path) -> None:
    done = tclearn(*SMALL, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("accepted") == 1
    assert done.stdout.count("refused") == len(CHEATS)
    for cheat in CHEATS:
        assert cheat in done.stdout
    assert "600 integers of norm 4,096 at most" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_the_demo_in_json_has_every_reason(tmp_path: Path) -> None:
    found = one_object(tclearn(*SMALL, "--json", cwd=tmp_path).stdout)
    assert found["verdict"] == "as expected"
    assert found["honest"] == {"accepted": True, "reason": None}
    assert [cheat["name"] for cheat in found["cheats"]] == CHEATS
    assert all(cheat["refused"] and cheat["reason"] for cheat in found["cheats"])
    assert found["proof_size_bytes"] < 90_000
    assert found["soundness_bits"] > 120
    for key in ("setup_us", "commit_us", "prove_us", "verify_us"):
        assert found[key] > 0


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (("--length", "1"), 2),
        (("--length", "100000000"), 2),
        (("--bound", "0"), 2),
        (("--bound", "40000"), 2),
        (("--length", "many"), 2),
    ],
)
def test_numbers_out_of_range_are_refused(
    tmp_path: Path, words: tuple[str, ...], status: int
) -> None:
    done = tclearn("proof", "demo", *words, cwd=tmp_path)
    assert done.returncode == status
    assert done.stdout == ""
    assert "Traceback" not in done.stderr


def test_a_wrong_verdict_is_a_status(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def accept_all(*_: Any) -> None:
        return None

    monkeypatch.setattr(norm_proof, "verify", accept_all)
    assert norm_proof.demo(600, 4096, as_json=True) == 1
    assert '"verdict": "not as expected"' in capsys.readouterr().out
