"""One scenario and one seed give one chain, whatever the hash seed and the signature library."""

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from crypto.signature import providers
from tests.program import one_object, tclearn

LOSSY = ("--set", "network={loss: 20 %, retransmit: never}")
CRASHES = (
    "faults=[{kind: crash, hospital: hospital-2, at: 100 ms, recover: 2 s}, "
    "{kind: crash, hospital: hospital-3, at: 3 s, recover: 4 s}]"
)

SHORT = {
    "quickstart": ("--set", "rounds=5"),
    "fedavg": ("--set", "rounds=2"),
    "majority-twin": (),
    "crash-recover": ("--set", "rounds=4", *LOSSY, "--set", CRASHES),
    "pbft-view-change": ("--set", "rounds=2"),
}
"""Each with a poisoner, contributions of all, twins that fork, crashes and loss, or views."""

LIBOQS = next(each for each in providers() if each.name == "liboqs")


class Runs:
    """Runs made once for all tests of a worker."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.result = cache(self._result)

    def path(self, name: str, hash_seed: int, library: str, seed: int | None) -> Path:
        return self.folder / f"{name}-{hash_seed}-{library}-{seed}"

    def _result(self, name: str, hash_seed: int, library: str, seed: int | None) -> dict[str, Any]:
        out = self.path(name, hash_seed, library, seed)
        words = () if seed is None else ("--seed", str(seed))
        done = tclearn(
            "run",
            name,
            *SHORT[name],
            *words,
            "--json",
            "--out",
            out,
            cwd=self.folder,
            variables={"PYTHONHASHSEED": str(hash_seed), "TCLEARN_SIGNATURES": library},
        )
        assert done.returncode in (0, 1), done.stderr  # a shorter run may miss what is expected
        return one_object(done.stdout)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    return Runs(tmp_path_factory.mktemp("runs"))


@pytest.mark.parametrize("name", SHORT)
def test_a_run_depends_neither_on_the_hash_seed_nor_on_who_signs(runs: Runs, name: str) -> None:
    first = runs.result(name, 1, "openssl", None)
    other = runs.result(name, 2, "liboqs" if LIBOQS.available else "openssl", None)
    for key in ("trace_digest", "chain_head", "chain_id", "replicas", "verdicts"):
        assert other[key] == first[key], key


@pytest.mark.skipif(not LIBOQS.available, reason=f"liboqs: {LIBOQS.reason}")
def test_two_libraries_were_compared(runs: Runs) -> None:
    for library in ("openssl", "liboqs"):
        hash_seed = 1 if library == "openssl" else 2
        found = runs.result("fedavg", hash_seed, library, None)
        assert found["signatures"]["provider"] == library


def test_another_seed_gives_another_chain(runs: Runs) -> None:
    first = runs.result("fedavg", 1, "openssl", None)
    other = runs.result("fedavg", 1, "openssl", 43)
    for key in ("trace_digest", "chain_head", "chain_id"):
        assert other[key] != first[key], key


def test_the_digest_of_a_trace_is_the_sha256_of_its_file(runs: Runs) -> None:
    where = ("fedavg", 1, "openssl", None)
    content = (runs.path(*where) / "trace.jsonl").read_bytes() if runs.result(*where) else b""
    assert hashlib.sha256(content).hexdigest() == runs.result(*where)["trace_digest"]
    assert content.count(b"\n") == runs.result(*where)["trace_events"]
