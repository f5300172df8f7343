"""Verifying signatures: each distinct one once, on one thread or several.

The replicas of a run hold the same votes. A signature that was verified for one replica is not
verified again for the next while both are read side by side, which is why the audit reads them side
by side. The providers release the interpreter's lock while they verify, so threads help.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType

from crypto.encoding import Value, encode
from crypto.errors import SignatureError
from crypto.identity import NodeId
from crypto.signature import PublicKey, verify

REMEMBERED_MAX = 2048
"""Outcomes that are kept for the other replicas; about 7 MiB of ML-DSA-65 signatures."""

Outcome = Callable[[], str | None]
"""Waits for a verification; what was found instead of a valid signature, or None."""


@dataclass(frozen=True, slots=True)
class SignatureCheck:
    """A signature that has to verify."""

    code: str
    """The finding if it does not."""
    node: NodeId
    """Whose it has to be."""
    key: PublicKey
    """The key of the genesis."""
    label: str
    """The domain label, first in the message and the FIPS 204 context."""
    fields: Sequence[Value]
    """What is signed, after the label."""
    signature: bytes
    """The signature."""


class SignatureVerifier:
    """Verifies signatures; use as a context manager."""

    def __init__(self, thread_count: int = 1) -> None:
        self._pool: Executor | None = None
        if thread_count > 1:
            self._pool = ThreadPoolExecutor(thread_count, thread_name_prefix="verify")
        self._known: dict[tuple[PublicKey, bytes, bytes], Outcome] = {}
        self.verified_count = 0
        """Distinct signatures verified."""

    def submit(self, check: SignatureCheck) -> Outcome:
        """Verify now, or on another thread; or look up what is known already."""
        preimage = encode([check.label, *check.fields])
        name = (check.key, preimage, check.signature)
        known = self._known.get(name)
        if known is not None:
            return known
        if len(self._known) >= REMEMBERED_MAX:
            self._known.clear()
        self.verified_count += 1
        context = check.label.encode()
        if self._pool is None:
            found = _verify(check.key, preimage, check.signature, context)
            outcome: Outcome = lambda: found  # noqa: E731 (a value as a function, like a future's)
        else:
            outcome = self._pool.submit(
                _verify, check.key, preimage, check.signature, context
            ).result
        self._known[name] = outcome
        return outcome

    def __enter__(self) -> "SignatureVerifier":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)


def _verify(key: PublicKey, preimage: bytes, signature: bytes, context: bytes) -> str | None:
    try:
        verify(key, signature, preimage, context)
    except SignatureError as error:
        return str(error)
    return None
