"""Six dimensions of a run's security, each from 0 to 1, each computed from what was measured.

The second source (zkfl-pq, its radar) names the dimensions; its values were typed in by hand. Here
each value has a formula, the inputs that it was computed from and a sentence; where an input could
not be measured there is no value. A value is a reading of this run, not a proof of security.
"""

from collections.abc import Callable
from dataclasses import dataclass

from .measured import Measured, is_post_quantum

Number = int | float | str


@dataclass(frozen=True, slots=True)
class Dimension:
    """One axis of the radar."""

    name: str
    """What it is about."""
    value: float | None
    """0 to 1; None where it was not measured."""
    formula: str
    """How the value comes from the inputs."""
    inputs: tuple[tuple[str, Number], ...]
    """What was measured: names as in the formula, and values."""
    sentence: str
    """What it says of this run."""


def radar(measured: Measured) -> tuple[Dimension, ...]:
    """The dimensions of a run, in the order of the second source."""
    return tuple(each(measured) for each in _DIMENSIONS)


def _quantum_resistance(measured: Measured) -> Dimension:
    name, formula = "quantum resistance", "post-quantum signatures / signatures"
    recorded = measured.recorded
    total = 0 if recorded is None else sum(recorded.signatures.values())
    if recorded is None or not total:
        return _unmeasured(name, formula, "no replica holds a signature")
    sound = sum(count for each, count in recorded.signatures.items() if is_post_quantum(each))
    algorithms = ", ".join(sorted(recorded.signatures))
    sentence = (
        f"of {total} signatures in the replica of {recorded.replica} ({algorithms}), {sound} stand "
        "against a quantum computer"
    )
    inputs = (("post-quantum signatures", sound), ("signatures", total))
    return Dimension(name, sound / total, formula, inputs, sentence)


def _byzantine_tolerance(measured: Measured) -> Dimension:
    name = "Byzantine tolerance"
    formula = "min(1, tolerated / third) * invariants held / invariants"
    tolerated, third, total = (
        measured.tolerated_count,
        measured.third_count,
        len(measured.invariants),
    )
    if tolerated is None:
        return _unmeasured(name, formula, "what the quorum sets tolerate was not settled in time")
    if not total:
        return _unmeasured(name, formula, "the run says nothing of its invariants")
    ratio = min(1.0, tolerated / third) if third else 0.0
    broken = sorted(each for each, status in measured.invariants.items() if status != "held")
    outcome = f"{', '.join(broken)} did not hold" if broken else "all invariants held"
    sentence = (
        f"whoever they are, {tolerated} hospitals may fail or lie, where a third allows {third};"
        f" in this run {outcome}"
    )
    inputs = (
        ("tolerated", tolerated),
        ("third", third),
        ("invariants held", measured.held_count),
        ("invariants", total),
    )
    return Dimension(name, ratio * measured.held_count / total, formula, inputs, sentence)


def _gradient_privacy(measured: Measured) -> Dimension:
    name, formula = "gradient privacy", "1 - updates that whoever taps the links reads / updates"
    recorded, traffic = measured.recorded, measured.traffic
    if recorded is None or traffic is None:
        return _unmeasured(name, formula, "the run has no tables of its traffic")
    if not recorded.update_count:
        return _unmeasured(name, formula, "no update was recorded")
    together = recorded.update_count - recorded.alone_count
    by_model = recorded.alone_count * (traffic.clear_share("model") or 0.0)
    by_update = together * (traffic.clear_share("update") or 0.0)
    seen = by_model + by_update
    ways = []
    if by_model:
        ways.append(f"{recorded.alone_count} as the difference of two models in a row")
    if by_update:
        ways.append(f"{together} on the way to whoever leads the round")
    how = f"in clear: {' and '.join(ways)}" if ways else "sealed"
    sentence = (
        f"{recorded.update_count} updates travelled {how}; what can be rebuilt of the records"
        " behind them (gradient inversion) is not measured here"
    )
    inputs = (
        ("updates", recorded.update_count),
        ("updates that whoever taps the links reads", round(seen, 6)),
    )
    return Dimension(name, 1 - seen / recorded.update_count, formula, inputs, sentence)


def _channel_confidentiality(measured: Measured) -> Dimension:
    sentence = "{clear} of {size} bytes can be read by whoever taps a link{why}"
    return _of_bytes(measured, "channel confidentiality", "readable bytes", sentence)


def _verifiability(measured: Measured) -> Dimension:
    name = "verifiability"
    formula = "(sound records / records + proven updates / updates) / 2"
    recorded, sound = measured.recorded, measured.sound_share
    if recorded is None or sound is None:
        return _unmeasured(name, formula, "no replica can be read")
    records, checked = measured.audit.counters.records, measured.audit.counters.proofs
    proven_count = min(recorded.proven_count, checked)
    proven = proven_count / recorded.update_count if recorded.update_count else 0.0
    sentence = (
        f"an audit from the files alone re-derives {sound:.0%} of {records} records with their "
        f"chain, signatures and certificates; of {recorded.update_count} updates, "
        f"{proven_count} carry a proof of their norm that it verified"
    )
    inputs = (
        ("records", records),
        ("sound records", round(sound * records)),
        ("updates", recorded.update_count),
        ("proven updates", proven_count),
        ("verdict of the audit", measured.audit.judgement.value),
    )
    return Dimension(name, (sound + proven) / 2, formula, inputs, sentence)


def _long_term_security(measured: Measured) -> Dimension:
    sentence = (
        "whoever records the traffic reads {clear} of {size} bytes without waiting for a quantum "
        "computer{why}"
    )
    return _of_bytes(measured, "long-term security", "bytes that a recorder reads", sentence)


_DIMENSIONS: tuple[Callable[[Measured], Dimension], ...] = (
    _quantum_resistance,
    _byzantine_tolerance,
    _gradient_privacy,
    _channel_confidentiality,
    _verifiability,
    _long_term_security,
)


def _of_bytes(measured: Measured, name: str, read: str, sentence: str) -> Dimension:
    """One less the share of bytes that can be read.

    Today's reader and a later one read the same, as nothing is sealed; a seal that does not last
    would have to count for the first dimension and not for the second.

    Args:
        measured: The measurements.
        name: Of the dimension.
        read: What the bytes are called that can be read.
        sentence: What to say, with ``clear``, ``size`` and ``why`` to be filled in.
    """
    formula = f"1 - {read} / bytes sent"
    traffic = measured.traffic
    share = None if traffic is None else traffic.clear_share()
    if traffic is None or share is None:
        return _unmeasured(name, formula, "the run has no tables of its traffic")
    size, clear = sum(traffic.size_bytes.values()), sum(traffic.clear_bytes.values())
    why = ": no message is sealed" if clear == size else ""
    said = sentence.format(clear=f"{clear:,}", size=f"{size:,}", why=why)
    return Dimension(name, 1 - share, formula, (("bytes sent", size), (read, clear)), said)


def _unmeasured(name: str, formula: str, why: str) -> Dimension:
    return Dimension(name, None, formula, (), f"not measured: {why}")
