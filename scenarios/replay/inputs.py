"""The inputs of a run, rebuilt from its directory and compared with what its genesis commits to.

The order matters: another version of this program may read one file as another scenario, and other
libraries may give other scores, so that nothing is anybody's fault before the versions are equal.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crypto.digest import Digest
from crypto.errors import CryptoError, EncodingError
from crypto.identity import NodeId
from fl.errors import FlError
from ledger import chain
from ledger.audit.compare import SUMMARY_FILE, SUMMARY_SIZE_MAX
from ledger.errors import Violation
from ledger.genesis import Genesis
from ledger.model import ModelFile

from ..errors import ScenarioError
from ..run_directory import SCENARIO_FILE
from ..schema import Scenario
from ..simulation.coalition import Coalition, environment, environment_digest, found
from ..simulation.learner import Judge
from ..source import load, scenario_digest

SCENARIO_DIFFERS = "SCENARIO_DIFFERS"
"""The code of a scenario file that is not the one of the genesis."""


class IncomparableError(Exception):
    """The run cannot be replayed here, through no fault of its ledgers; the message says why."""


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a run started from."""

    scenario: Scenario
    """What was asked for."""
    coalition: Coalition
    """The coalition founded on it again."""

    @property
    def judges(self) -> dict[NodeId, Judge]:
        """How each hospital judges candidates: poisoners and twins judge like all others."""
        shares = zip(self.scenario.hospitals, self.coalition.cohort.shares, strict=True)
        return {node: Judge(self.coalition.curriculum, share.local) for node, share in shares}


def rebuild(run: Path, genesis: Genesis) -> Inputs | tuple[Violation, ...]:
    """Read the scenario of a run and found its coalition again.

    Returns:
        The inputs, or what the genesis names otherwise: ``SCENARIO_DIFFERS``, ``DATA_DIFFERS``,
        ``MODEL_DIFFERS``.

    Raises:
        IncomparableError: When a file is missing or unusable, or the versions here are not those
            of the genesis.
    """
    scenario = _scenario(run)
    here = environment()
    if not _is_named(here, genesis.environment):
        raise IncomparableError(
            f"ENVIRONMENT_DIFFERS: {_versions(run, genesis, here)}; scores and models may differ"
            " without anybody's fault, so that only the same versions can replay it"
        )
    try:
        stated = scenario_digest(scenario)
        if stated != genesis.scenario:
            expected = f"the scenario of digest {genesis.scenario.hex()} that the genesis names"
            found_there = f"one of {stated.hex()}, with the files that it names"
            return (Violation(SCENARIO_DIFFERS, expected, found_there),)
        coalition = found(scenario)
    except (ScenarioError, FlError, CryptoError) as error:
        raise IncomparableError(f"the coalition cannot be founded again: {error}") from None
    return tuple(_differences(coalition, genesis)) or Inputs(scenario, coalition)


def _differences(coalition: Coalition, genesis: Genesis) -> Iterator[Violation]:
    """Yield what the genesis says of data and first model that founding again does not give."""
    rebuilt = chain.start(coalition.genesis, coalition.chain_id).genesis
    ours, recorded = _data_of(rebuilt), _data_of(genesis)
    for what in sorted(ours.keys() | recorded.keys()):
        expected, stated = ours.get(what), recorded.get(what)
        if expected != stated:
            yield Violation("DATA_DIFFERS", _data(what, expected), _data(what, stated))
    if rebuilt.model != genesis.model:
        yield Violation("MODEL_DIFFERS", _model(rebuilt.model), _model(genesis.model))


def summary(run: Path) -> Mapping[str, Any]:
    """What a run says of itself, which nothing proves; empty when it says nothing readable."""
    path = run / SUMMARY_FILE
    with suppress(OSError, ValueError, RecursionError):
        if path.stat().st_size <= SUMMARY_SIZE_MAX:
            stated = json.loads(path.read_bytes())
            if isinstance(stated, dict):
                return stated
    return {}


def _scenario(run: Path) -> Scenario:
    path = run / SCENARIO_FILE
    if not path.is_file():
        raise IncomparableError(f"the run has no {SCENARIO_FILE}")
    try:
        return load(path)
    except ScenarioError as error:
        first = str(error).partition("\n")[0]
        raise IncomparableError(f"the scenario cannot be read: {first}") from None


def _versions(run: Path, genesis: Genesis, here: Mapping[str, str]) -> str:
    """Say which versions differ, if the run's summary names those that the genesis means."""
    there = summary(run).get("environment")
    there = there if isinstance(there, dict) else {}
    stated = {name: value for name, value in there.items() if isinstance(value, str)}
    if not _is_named(stated, genesis.environment):
        return f"the run had other versions than this machine, and {SUMMARY_FILE} does not say them"
    differing = (
        f"{name} {stated.get(name, 'missing')} there and {here.get(name, 'missing')} here"
        for name in sorted(stated.keys() | here.keys())
        if stated.get(name) != here.get(name)
    )
    return f"the run had other versions than this machine ({', '.join(differing)})"


def _is_named(versions: Mapping[str, str], environment_hash: Digest) -> bool:
    """Whether a digest is of these versions; of text that has no encoding, none is."""
    with suppress(EncodingError):
        return environment_digest(versions) == environment_hash
    return False


def _data_of(genesis: Genesis) -> dict[str, Digest]:
    """The commitments to data, by what they are of."""
    train = {f"training samples of {each.node}": each.train for each in genesis.data}
    local = {f"L of {each.node}": each.local for each in genesis.data}
    return {"G": genesis.global_set, **train, **local}


def _data(what: str, commitment: Digest | None) -> str:
    return f"no {what}" if commitment is None else f"{what} of digest {commitment.hex()}"


def _model(model: ModelFile) -> str:
    return f"a first model of tensors {model.tensors.hex()} in a file of {model.file.hex()}"
