"""What a replica is measured by: names, units and meanings."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

from ..simulation.stages import Freight, Work

Value = int | float | str | None
"""What a row says of a measure: a number, a status, or null where there is none."""

Row = Mapping[str, Value]
"""The measures of one replica, in the order of `MEASURES`."""

Fidelity = Literal["protocol", "full"]
"""Agreement alone, or everything: training, cryptography, ledger."""


@dataclass(frozen=True, slots=True)
class Measure:
    """One thing that each replica of a study says."""

    unit: str
    """Of the numbers; empty for counts and for statuses."""
    kind: Literal["status", "number"]
    """Whether it is held, violated or undecided, or a number (null where there is none)."""
    fidelities: frozenset[Fidelity]
    """Which replicas say it."""
    meaning: str
    """In one line."""


_BOTH: Final[frozenset[Fidelity]] = frozenset({"protocol", "full"})
_PROTOCOL: Final[frozenset[Fidelity]] = frozenset({"protocol"})
_FULL: Final[frozenset[Fidelity]] = frozenset({"full"})


def _status(fidelities: frozenset[Fidelity], meaning: str) -> Measure:
    return Measure("", "status", fidelities, meaning)


def _number(unit: str, fidelities: frozenset[Fidelity], meaning: str) -> Measure:
    return Measure(unit, "number", fidelities, meaning)


_WORDS: Final[Mapping[Work | Freight, str]] = {
    Work.TRAIN: "training",
    Work.PROVE: "proving norms",
    Work.CHECK: "verifying proofs of norms",
    Work.VALIDATE: "validating candidates",
    Work.SIGN: "signing",
    Work.VERIFY: "verifying signatures",
    Freight.UPDATE: "updates on their way to who leads",
    Freight.PROPOSAL: "proposals without their models and proofs",
    Freight.MODEL: "models",
    Freight.PROOF: "proofs of norms",
    Freight.VERDICT: "verdicts",
    Freight.VOTE: "votes of the agreement",
    Freight.CATCH_UP: "what others had missed",
    Freight.CHECKPOINT: "heads of ledgers and cosignatures",
    Freight.QUORUM_SET: "false quorum sets",
}


def stage_measure(stage: Work | Freight) -> str:
    """The name of what is measured of a stage."""
    unit = "us" if isinstance(stage, Work) else "bytes"
    return f"{stage.value.replace('-', '_')}_{unit}"


MEASURES: Final[Mapping[str, Measure]] = MappingProxyType(
    {
        "agreement": _status(_BOTH, "no two honest hospitals decided differently"),
        "validity": _status(_BOTH, "what was decided was justified at an honest hospital"),
        "termination": _status(_BOTH, "every correct hospital decided every slot in time"),
        "judgement": _status(
            _PROTOCOL, "a candidate is adopted exactly if all correct hospitals, alike, say so"
        ),
        "latency_us": _number(
            "us", _PROTOCOL, "a slot, until the last correct decision (mean over slots)"
        ),
        "first_us": _number(
            "us", _PROTOCOL, "a slot, until the first correct decision (mean over slots)"
        ),
        "messages": _number("", _BOTH, "messages sent"),
        "bytes": _number("bytes", _BOTH, "bytes sent"),
        "lost": _number("", _BOTH, "messages lost by chance"),
        "events": _number("", _PROTOCOL, "messages and timers handled"),
        "end_us": _number("us", _PROTOCOL, "when it ended, in simulated time"),
        "culprits": _number("", _PROTOCOL, "hospitals that two statements of theirs convict"),
        "wrongly_convicted": _number("", _PROTOCOL, "honest ones among them"),
        "chain": _status(_FULL, "every honest replica is one unbroken chain"),
        "containment": _status(_FULL, "no poisoned update is part of an accepted model"),
        "accountability": _status(_FULL, "evidence convicts no honest hospital"),
        "first_score": _number("ppm", _FULL, "score of the first model on G"),
        "final_score": _number("ppm", _FULL, "score on G of the model accepted last"),
        "best_score": _number("ppm", _FULL, "best score on G of an accepted model"),
        "first_loss": _number("", _FULL, "mean cross-entropy of the first model on G"),
        "final_loss": _number("", _FULL, "the same of the model accepted last"),
        "accepted": _number("", _FULL, "models accepted"),
        "rejected": _number("", _FULL, "rounds whose candidate was rejected or never came"),
        "mean_score": _number("ppm", _FULL, "score on G of the model in force, mean over rounds"),
        "lowest_score": _number("ppm", _FULL, "the lowest such score once an attack has begun"),
        "honest_count": _number("", _FULL, "honest updates handed in"),
        "honest_rejected": _number("", _FULL, "those of them in a rejected candidate"),
        "false_alarm_rate": _number("", _FULL, "their fraction"),
        "honest_over_bound": _number("", _FULL, "those longer than the bound of norms: clipped"),
        "honest_over_rate": _number("", _FULL, "their fraction: what a filter by norm would lose"),
        "poisoned_count": _number("", _FULL, "poisoned updates handed in"),
        "poisoned_accepted": _number("", _FULL, "those of them in an accepted model"),
        "detection_rate": _number("", _FULL, "the fraction that is in none"),
        "poisoned_over_bound": _number("", _FULL, "those longer than the bound of norms"),
        "poisoned_over_rate": _number("", _FULL, "their fraction: what a filter would catch"),
        "forged_updates": _number("", _FULL, "updates handed in with a proof of nothing"),
        "forged_refused": _number("", _FULL, "those whose proof somebody found to be one"),
        "longest_honest": _number("", _FULL, "the largest norm of an honest update"),
        "accused": _number("", _FULL, "hospitals that were caught by their own signatures"),
        "simulated_us": _number("us", _FULL, "simulated time of the last record"),
        "round_us": _number("us", _FULL, "simulated time from one record to the next, mean"),
        "busy_us": _number("us", _FULL, "simulated time that all hospitals spent computing"),
        "signatures": _number("", _FULL, "signatures made"),
        **{
            stage_measure(work): _number("us", _FULL, f"simulated computing time: {_WORDS[work]}")
            for work in Work
        },
        "check_peer_us": _number("us", _FULL, "verifying proofs of norms: one hospital's, mean"),
        **{
            stage_measure(freight): _number("bytes", _FULL, f"bytes sent: {_WORDS[freight]}")
            for freight in Freight
        },
    }
)
"""Every measure by its name."""


def measures_of(fidelity: Fidelity) -> tuple[str, ...]:
    """The names of what the replicas of a fidelity say, in the order of their rows."""
    return tuple(name for name, each in MEASURES.items() if fidelity in each.fidelities)
