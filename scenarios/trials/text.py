"""Trials as text: one line of JSON that says everything, so that any trial can be run again."""

import json
import shlex
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from pydantic import TypeAdapter

from consensus.errors import QuorumSetError
from consensus.quorum import QuorumSet, check_sane
from crypto.identity import NodeId

from ..errors import ScenarioError
from ..schema_faults import Fault
from ..schema_network import NetworkSection
from ..schema_sections import QuorumSetSection
from .trial import PROTOCOLS, Trial, Verdicts, Waits

_FAULTS: TypeAdapter[tuple[Fault, ...]] = TypeAdapter(tuple[Fault, ...])


def to_text(trial: Trial) -> str:
    """Write a trial on one line; what is as by default is left out."""
    plain = Trial(trial.quorum_sets)
    sets: dict[str, list[str]] = {}
    shared: dict[QuorumSet, str] = {}
    for node in trial.hospitals:
        first = shared.setdefault(trial.quorum_sets[node], node)
        sets.setdefault(first, []).append(node)
    said: dict[str, Any] = {
        "quorum_sets": [
            {"of": nodes, **_set_value(trial.quorum_sets[NodeId(first)])}
            for first, nodes in sets.items()
        ]
    }
    for key in _PLAIN:
        if getattr(trial, key) != getattr(plain, key):
            said[key] = getattr(trial, key)
    if trial.network != plain.network:
        said["network"] = trial.network.model_dump(mode="json", exclude_defaults=True)
    if trial.faults:
        said["faults"] = [
            each.model_dump(mode="json", exclude_defaults=True) for each in trial.faults
        ]
    for key in ("waits", "verdicts"):
        if getattr(trial, key) != getattr(plain, key):
            said[key] = asdict(getattr(trial, key))
    return json.dumps(said, separators=(",", ":"))


def from_text(text: str) -> Trial:
    """Read a trial.

    Raises:
        ScenarioError: The text is not a trial, and why.
    """
    try:
        said = json.loads(text)
        trial = _read(said)
    except (ValueError, TypeError, KeyError, QuorumSetError) as error:
        raise ScenarioError(f"expected a trial, found {text[:60]!r}: {error}") from None
    if trial.protocol not in PROTOCOLS or trial.mode not in ("bare", "judged"):
        raise ScenarioError(f"expected a protocol of {', '.join(PROTOCOLS)} and a mode")
    return trial


def _read(said: Mapping[str, Any]) -> Trial:
    sets: dict[NodeId, QuorumSet] = {}
    for each in said["quorum_sets"]:
        found = {key: value for key, value in each.items() if key != "of"}
        quorum_set = _quorum_set(QuorumSetSection.model_validate(found))
        check_sane(quorum_set)
        sets |= {NodeId(str(node)): quorum_set for node in each["of"]}
    trial = Trial(sets)
    plain = {key: said[key] for key in said if key in _PLAIN}
    for key, value in plain.items():
        expected = str if key == "authority" else type(getattr(trial, key))
        if type(value) is not expected:
            raise TypeError(f"{key}: expected {expected.__name__}, found {type(value).__name__}")
    return replace(
        trial,
        **plain,
        network=NetworkSection.model_validate(said.get("network", {})),
        faults=_FAULTS.validate_python(said.get("faults", ())),
        waits=Waits(**said.get("waits", {})),
        verdicts=Verdicts(**said.get("verdicts", {})),
    )


_PLAIN = (
    "protocol",
    "seed",
    "slots",
    "time_limit_us",
    "mode",
    "authority",
    "signature_bytes",
    "swift",
)
"""What stands in the text as it is in the trial."""


def _set_value(quorum_set: QuorumSet) -> dict[str, Any]:
    value: dict[str, Any] = {"threshold": quorum_set.threshold}
    if quorum_set.validators:
        value["validators"] = list(quorum_set.validators)
    if quorum_set.inner_sets:
        value["inner_sets"] = [_set_value(each) for each in quorum_set.inner_sets]
    return value


def _quorum_set(section: QuorumSetSection) -> QuorumSet:
    inner = tuple(_quorum_set(each) for each in section.inner_sets)
    return QuorumSet(section.threshold, section.validators, inner)


def command(trial: Trial) -> str:
    """The command that runs a trial again and prints its trace."""
    return f"python -m scenarios.trials {shlex.quote(to_text(trial))} --trace"
