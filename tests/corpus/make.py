"""Write the corpus: small runs that were tampered with, each with what the audit must say of it.

    python -m tests.corpus.make            writes the cases that are not there
    python -m tests.corpus.make --all      writes all of them anew

`NAME_fail` is a run in which something is found or missing, `NAME_ok` one in which nothing is. What
stands in a case is described in `tests.corpus.judge`. The voting keys are Ed25519, whose signatures
are deterministic. Checkpoints and the possession of checkpoint keys are signed with ML-DSA-44,
which is randomised: the bytes differ each time they are made, what the audit says of them does not.
The expectations are written by hand below, never taken from an audit.
"""

import argparse
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.forge import Forge

from .attacks import staged
from .cases import ALL
from .judge import EXPECT, Judged

HERE = Path(__file__).parent
_STATUS = {"VALID": 0, "INVALID": 1, "VALID_PREFIX": 3, "INCOMPLETE": 3}


@dataclass(frozen=True, slots=True)
class Expected:
    """What the audit says of a case."""

    findings: tuple[str, ...] = ()
    """As ``level code replica height``, with a hyphen for what is not there."""
    verdict: str = "INVALID"
    """The judgement of the run."""
    culprits: tuple[str, ...] = ()
    """Whom the only finding convicts."""


def votes(height: int) -> tuple[str, ...]:
    """All three votes of a height are over another core."""
    return (f"L2 BAD_VOTE_SIGNATURE h1 {height}",) * 3


SOUND = Expected(verdict="VALID")
CORPUS: Mapping[str, Expected] = {
    "sound": SOUND,
    "anchor_and_a_sound_run": SOUND,
    "policy_satisfied": SOUND,
    "checked_before_and_sound": SOUND,
    "bit_flipped_in_the_payload": Expected(("L0 BAD_CRC h1 1",)),
    "truncated_inside_a_record": Expected(verdict="VALID_PREFIX"),
    "field_edited": Expected(("L2 BAD_PROPOSAL h1 1", *votes(1), "L1 BAD_PREV h1 2")),
    "block_removed": Expected(("L1 BAD_HEIGHT h1 1",)),
    "record_after_the_end": Expected(("L1 AFTER_END h1 4",)),
    "integer_not_in_its_shortest_form": Expected(("L1 BAD_ENCODING h1 1",)),
    "quorum_set_weakened": Expected(("L1 BAD_CHAIN h1 1",)),
    "field_edited_and_relinked": Expected(
        (
            *("L2 BAD_PROPOSAL h1 1", *votes(1)),
            *("L2 BAD_PROPOSAL h1 2", *votes(2)),
            *("L2 BAD_PROPOSAL h1 3", *votes(3)),
        )
    ),
    "vote_forged": Expected(votes(1)[:1]),
    "voter_relabelled": Expected(votes(1)[:1]),
    "too_few_votes": Expected(("L2 NO_QUORUM h1 1",)),
    "suffix_rewritten_with_one_key": Expected(
        (
            "L2 UNJUSTIFIED h1 1",
            "L2 NO_QUORUM h1 1",
            "L2 NO_QUORUM h1 2",
            "L2 BAD_PROPOSAL_SIGNATURE h1 3",
            "L2 UNJUSTIFIED h1 3",
            "L2 NO_QUORUM h1 3",
        )
    ),
    "anchor_and_other_keys": Expected(("LA REWRITTEN h1 3", "LA GENESIS_REPLACED h1 0")),
    "anchor_and_a_rewrite": Expected(("LA REWRITTEN h1 2",)),
    "anchor_and_a_cut": Expected(("LA ROLLED_BACK h1 -",)),
    "replicas_in_two_branches": Expected(("LA FORK h2 2",), culprits=("h2", "h3")),
    "replicas_of_islands": Expected(("LA FORK_CONFIG_NO_INTERSECTION h3 1",)),
    "model_substituted": Expected(("L3 BLOB_DIGEST - 1",)),
    "policy_not_satisfied": Expected(("LA WITNESS_POLICY h1 3",)),
    # The note stands in two files: under its size, and as the newest.
    "checkpoint_with_a_false_cosignature": Expected(("L2 BAD_COSIGNATURE h1 3",) * 2),
    "summary_of_a_cut_run": Expected(("LA SUMMARY_DIFFERS h1 2",)),
}
"""The cases, by their names in `tests.corpus.cases`."""


def folder(name: str) -> str:
    """The name of a case's directory."""
    return f"{name}_{'ok' if CORPUS[name].verdict == 'VALID' else 'fail'}"


def expectation(expected: Expected) -> Judged:
    """The content of `expect.json`."""
    return {
        "verdict": expected.verdict,
        "exit_status": _STATUS[expected.verdict],
        "findings": [
            _finding(text) | ({"culprits": list(expected.culprits)} if expected.culprits else {})
            for text in expected.findings
        ],
    }


def _finding(text: str) -> dict[str, Any]:
    level, code, node, height = text.split()
    return {
        "code": code,
        "level": level,
        "node": None if node == "-" else node,
        "height": None if height == "-" else int(height),
    }


def write_corpus(directory: Path, *, anew: bool) -> None:
    """Write the cases, all of them or those that are missing."""
    forge = Forge()
    blocks = tuple(forge.blocks())
    for name, expected in CORPUS.items():
        case = directory / folder(name)
        if case.exists() and not anew:
            continue
        shutil.rmtree(case, ignore_errors=True)
        staged(case, forge, blocks, ALL[name])
        (case / EXPECT).write_text(json.dumps(expectation(expected), indent=2) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Write the corpus of tampered runs.")
    parser.add_argument("--all", action="store_true", help="also those that are there already")
    write_corpus(HERE, anew=parser.parse_args().all)
