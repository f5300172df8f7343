"""Level L3: the proofs of norms are verified again, and totals open what was proven."""

from collections.abc import Callable
from dataclasses import dataclass

from crypto.digest import Digest
from crypto.identity import NodeId

from ..blobs import BlobStore
from ..block import Block
from ..candidate import ModelCandidate, UpdateEntry
from ..errors import BlobError, Violation
from ..genesis import Genesis
from ..norm import NormRule, check_total, check_update_proof
from .finding import Counters

Report = Callable[[str, int, Digest, str, str], None]
"""Told code, height, name of the file, expected and found."""


@dataclass(frozen=True, slots=True)
class _Place:
    """What the proof of an update is bound to besides itself."""

    slot: int
    parent: Digest
    base: Digest


class ProofAudit:
    """Checks the files that candidates name beside their models; each only once."""

    def __init__(self, store: BlobStore, counters: Counters, report: Report) -> None:
        """Start.

        Args:
            store: The blobs of the run.
            counters: Added to.
            report: Told what is wrong.
        """
        self.named: set[Digest] = set()
        """Files that candidates name."""
        self._store = store
        self._counters = counters
        self._report = report
        self._commitments: dict[tuple[_Place, UpdateEntry], bytes | None] = {}
        self._totals: set[tuple[Digest, tuple[tuple[NodeId, Digest | None], ...]]] = set()

    def see(self, block: Block, genesis: Block) -> None:
        """Check what a sound block's candidate names, by the rule of its genesis."""
        founded, candidate = genesis.core.body, block.core.body
        if not isinstance(founded, Genesis) or not isinstance(candidate, ModelCandidate):
            return
        rule, total = founded.norm, candidate.total
        if rule is None or total is None:
            return
        place = _Place(block.core.slot, block.core.prev, candidate.base)
        height = block.core.height
        found = [self._commitment(rule, place, entry, height) for entry in candidate.updates]
        key = (total, tuple((entry.author, entry.proof) for entry in candidate.updates))
        if key not in self._totals:
            self._totals.add(key)
            self._check_total(rule, found, total, height)

    def _commitment(
        self, rule: NormRule, place: _Place, entry: UpdateEntry, height: int
    ) -> bytes | None:
        """The commitment of an update whose proof verifies."""
        key = (place, entry)
        if key in self._commitments:
            return self._commitments[key]
        self._commitments[key] = None
        content = None if entry.proof is None else self._content(entry.proof, height)
        if content is None or entry.proof is None:
            return None
        self._counters.proofs += 1
        try:
            file = check_update_proof(rule, entry, place.slot, place.parent, place.base, content)
        except Violation as violation:
            self._report("BAD_PROOF", height, entry.proof, violation.expected, violation.found)
            return None
        self._commitments[key] = file.commitment
        return file.commitment

    def _check_total(
        self, rule: NormRule, found: list[bytes | None], total: Digest, height: int
    ) -> None:
        content = self._content(total, height)
        commitments = [each for each in found if each is not None]
        if content is None or len(commitments) < len(found):
            return  # a finding of its own
        try:
            check_total(rule, commitments, content)
        except Violation as violation:
            self._report("BAD_TOTAL", height, total, violation.expected, violation.found)

    def _content(self, name: Digest, height: int) -> bytes | None:
        self.named.add(name)
        try:
            return self._store.get(name)
        except BlobError as error:
            code = "BLOB_UNREADABLE" if self._store.path(name).exists() else "BLOB_MISSING"
            self._report(code, height, name, "the file of a proof", str(error))
            return None
