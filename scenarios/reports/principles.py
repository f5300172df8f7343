"""The seven principles of trustworthy AI: mechanism, metric of this run, covered or not.

The principles are those of the High-Level Expert Group on AI of the European Union (2019), as the
first source quotes them; it says of four that they need cryptography. Each is broken down into
checks that the run itself answers: all met is *covered*, some *partly*, none *uncovered*. What this
program does not do at all stands as a check that is not met.
"""

from dataclasses import dataclass
from typing import Literal

from ledger.audit import Judgement

from ..units import PPM
from .measured import Measured, Recorded
from .words import duration, size

Cover = Literal["covered", "partly", "uncovered"]


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that a principle asks for, and what the run says."""

    asks: str
    """What should be so."""
    met: bool
    """Whether it is; False, too, where it is not measured."""
    found: str
    """The metric, in words."""


@dataclass(frozen=True, slots=True)
class Principle:
    """One principle, and how far this run covers it."""

    number: str
    """I to VII."""
    name: str
    """Its name."""
    needs_cryptography: bool
    """Whether the first source says so."""
    mechanism: str
    """What this program does for it."""
    checks: tuple[Check, ...]
    """What was looked at."""

    @property
    def cover(self) -> Cover:
        """How far the run covers it, as far as the checks tell."""
        met = [each.met for each in self.checks]
        return "covered" if all(met) else "partly" if any(met) else "uncovered"


def principles(measured: Measured, tolerated_loss_ppm: int) -> tuple[Principle, ...]:
    """The seven principles, in their order.

    Args:
        measured: The measurements of the run.
        tolerated_loss_ppm: The run's own ε_L: how far below the mean a hospital may come out.
    """
    return (
        Principle(
            "I",
            "human agency and oversight",
            False,
            "a candidate counts only if hospitals vote for it; experts' opinions are records",
            _oversight(measured),
        ),
        Principle(
            "II",
            "technical robustness and safety",
            True,
            "signed statements, agreement under quorum sets, validation on G and L, an audit",
            _robustness(measured),
        ),
        Principle(
            "III",
            "privacy and data governance",
            True,
            "federated learning: the model travels, records stay; commitments to data in genesis",
            _privacy(measured),
        ),
        Principle(
            "IV",
            "transparency",
            True,
            "every candidate, verdict and reason stands on the ledger, signed by its author",
            _transparency(measured),
        ),
        Principle(
            "V",
            "diversity, non-discrimination and fairness",
            True,
            "every hospital leads in turn, has a vote, and judges on its own patients (L)",
            _fairness(measured, tolerated_loss_ppm),
        ),
        Principle(
            "VI",
            "societal and environmental wellbeing",
            False,
            "what a run costs is accounted for, stage by stage",
            _wellbeing(measured),
        ),
        Principle(
            "VII",
            "accountability",
            False,
            "append-only replicas that anybody can audit; evidence convicts who contradicts itself",
            _accountability(measured),
        ),
    )


def _oversight(measured: Measured) -> tuple[Check, ...]:
    recorded = measured.recorded
    accepted = 0 if recorded is None else recorded.accepted_count
    refused = 0 if recorded is None else recorded.refusal_count
    opinions = 0 if recorded is None else recorded.opinion_count
    return (
        Check(
            "no model becomes the coalition's without a vote",
            accepted > 0 and _held(measured, "validity"),
            f"{accepted} models accepted, {refused} verdicts against candidates",
        ),
        Check("people's opinions are recorded", opinions > 0, f"{opinions} opinions and reviews"),
    )


def _robustness(measured: Measured) -> tuple[Check, ...]:
    traffic = measured.traffic
    clear = None if traffic is None else traffic.clear_share()
    total = len(measured.invariants)
    return (
        Check(
            "the invariants hold",
            0 < total == measured.held_count,
            f"{measured.held_count} of {total} held",
        ),
        Check(
            "some hospital may fail or lie",
            bool(measured.tolerated_count),
            _count(measured.tolerated_count, "tolerated, whichever they are"),
        ),
        Check(
            "models and records are authentic",
            measured.audit.judgement is not Judgement.INVALID,
            f"audit: {measured.audit.judgement.value}, {measured.audit.counters.verified} different"
            " signatures verified",
        ),
        Check(
            "communication is ciphered",
            clear is not None and clear < 1,
            "not measured" if clear is None else f"{clear:.0%} of the bytes sent are readable",
        ),
    )


def _privacy(measured: Measured) -> tuple[Check, ...]:
    recorded, traffic = measured.recorded, measured.traffic
    stages = () if traffic is None else tuple(traffic.size_bytes)
    stated = 0 if recorded is None else recorded.committed_count
    members = 0 if recorded is None else recorded.hospital_count
    clear = None if traffic is None else traffic.clear_share("update", "model")
    return (
        Check(
            "records stay where they are",
            bool(stages) and "records" not in stages,
            f"sent: {', '.join(stages)}; no records" if stages else "not measured",
        ),
        Check(
            "data is committed to before it is used",
            0 < members == stated,
            f"{stated} of {members} hospitals in the genesis",
        ),
        Check(
            "updates cannot be read on their way",
            clear == 0,
            "not measured" if clear is None else f"{clear:.0%} of models and updates are readable",
        ),
    )


def _transparency(measured: Measured) -> tuple[Check, ...]:
    recorded = measured.recorded
    if recorded is None:
        return (Check("the history can be read", False, "no replica can be read"),)
    return (
        Check(
            "who contributed to a model can be traced",
            0 < recorded.update_count == recorded.attested_count,
            f"{recorded.attested_count} of {recorded.update_count} updates signed by their authors",
        ),
        Check(
            "a refusal gives its reason",
            recorded.refusal_count == recorded.explained_count,
            f"{recorded.explained_count} of {recorded.refusal_count} refusals",
        ),
        Check(
            "an update can be checked without being shown",
            0 < recorded.update_count == recorded.proven_count,
            f"{recorded.proven_count} of {recorded.update_count} updates proven",
        ),
    )


def _fairness(measured: Measured, tolerated_loss_ppm: int) -> tuple[Check, ...]:
    recorded = measured.recorded
    return (
        Check(
            "everybody takes part",
            recorded is not None and recorded.contributor_count == recorded.hospital_count,
            "not measured"
            if recorded is None
            else f"{recorded.contributor_count} of {recorded.hospital_count} hospitals have an "
            "update in an accepted model",
        ),
        _evenness(recorded, tolerated_loss_ppm),
    )


def _evenness(recorded: Recorded | None, tolerated_loss_ppm: int) -> Check:
    asks = "the model serves no hospital much worse than the others"
    scores = {} if recorded is None else recorded.local_scores
    if not scores:
        return Check(asks, False, "not measured: no model was accepted with scores on L")
    worst = min(scores, key=lambda node: (scores[node], node))
    mean = sum(scores.values()) / len(scores)
    found = (
        f"worst on its own L: {worst} with {scores[worst] / PPM:.1%}, mean {mean / PPM:.1%}, "
        f"tolerated {tolerated_loss_ppm / PPM:.1%} less"
    )
    return Check(asks, scores[worst] >= mean - tolerated_loss_ppm, found)


def _wellbeing(measured: Measured) -> tuple[Check, ...]:
    accepted = 0 if measured.recorded is None else measured.recorded.accepted_count
    traffic = measured.traffic
    if traffic is None or measured.busy_us is None:
        cost = Check("the cost of a model is known", False, "not measured")
    else:
        each = duration(measured.busy_us / accepted) if accepted else ""
        share = f", {each} for each model accepted" if accepted else ""
        cost = Check(
            "the cost of a model is known",
            True,
            f"{duration(measured.busy_us)} of computing, simulated{share}; "
            f"{size(sum(traffic.size_bytes.values()))} sent",
        )
    return (cost, Check("energy and effects on society are known", False, "not measured"))


def _accountability(measured: Measured) -> tuple[Check, ...]:
    audit = measured.audit
    return (
        Check(
            "an audit re-derives every record",
            audit.judgement is Judgement.VALID,
            f"{audit.judgement.value}: {audit.counters.records} records, {len(audit.findings)} "
            "findings",
        ),
        Check(
            "evidence convicts liars and nobody else",
            _held(measured, "accountability"),
            measured.invariants.get("accountability", "not measured"),
        ),
    )


def _held(measured: Measured, invariant: str) -> bool:
    return measured.invariants.get(invariant) == "held"


def _count(count: int | None, words: str) -> str:
    return "not settled in time" if count is None else f"{count} {words}"
