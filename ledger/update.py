"""What a hospital signs when it hands in an update: the preimage, shared by writer and audit."""

from crypto.digest import Digest
from crypto.encoding import Value

from .body import UpdateEntry

UPDATE_LABEL = "tclearn/update/v1"
"""Domain label and FIPS 204 context of an update's signature."""


def update_fields(chain_id: Digest, slot: int, base: Digest, entry: UpdateEntry) -> list[Value]:
    """The fields that an update's signature covers: chain, round, author, base, content, weight."""
    return [chain_id, slot, entry.author, base, entry.update, entry.sample_count]
