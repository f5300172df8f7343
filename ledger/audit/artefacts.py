"""Level L3: each file beside the chain is what its name and the chain say it is."""

from pathlib import Path

from crypto.digest import Digest
from crypto.errors import TensorFileError
from crypto.tensors import tensor_digest

from ..blobs import BlobStore, file_digest, named_digest
from ..block import Block, RecordType
from ..durability import is_leftover
from ..errors import BlobError, Violation
from ..evidence import check_exhibit
from ..model import ModelFile
from ..notice import EvidenceNotice
from .finding import Counters, Finding
from .proofs import ProofAudit


class ArtefactAudit:
    """Checks files as the replicas name them, then every file of the store that none named."""

    def __init__(self, directory: Path, root: Path, counters: Counters) -> None:
        """Start.

        Args:
            directory: The blob store.
            root: The run; files are named relative to it.
            counters: Added to.
        """
        self.findings: list[Finding] = []
        """What is wrong."""
        self._store = BlobStore(directory)
        self._root = root
        self._counters = counters
        self._seen: dict[Digest, tuple[Digest, int]] = {}
        self._exhibits: dict[Digest, set[tuple[RecordType, EvidenceNotice]]] = {}
        self._proofs = ProofAudit(self._store, counters, self._report)

    def see(self, model: ModelFile, height: int) -> None:
        """Check a model that a sound block names; the same one only once."""
        facts = (model.tensors, model.size_bytes)
        if self._seen.get(model.file) == facts:
            return
        self._seen.setdefault(model.file, facts)
        path = self._store.path(model.file)
        if not path.exists():
            self._add("BLOB_MISSING", height, path, "the model's file", "nothing")
            return
        self._counters.blobs += 1
        self._check_content(model, height, path)

    def see_exhibit(self, block: Block, genesis: Block) -> None:
        """Check the file of evidence that a sound block's seal names; for a notice only once.

        Of a notice that was rejected the file has to be there, and need show nothing.
        """
        name, notice, height = block.seal.exhibit, block.core.body, block.core.height
        if name is None or not isinstance(notice, EvidenceNotice):
            return
        seen = self._exhibits.setdefault(name, set())
        if (block.core.type, notice) in seen:
            return
        seen.add((block.core.type, notice))
        path = self._store.path(name)
        self._counters.blobs += 1
        try:
            file = self._store.get(name)
            if block.core.type is RecordType.EVIDENCE:
                check_exhibit(file, notice, genesis)
        except BlobError as error:
            code = "BLOB_UNREADABLE" if path.exists() else "BLOB_MISSING"
            self._add(code, height, path, "the file of evidence", str(error))
        except Violation as violation:
            self._add("BAD_EXHIBIT", height, path, violation.expected, violation.found)

    def see_proofs(self, block: Block, genesis: Block) -> None:
        """Verify the proofs that a sound block's candidate names; the same one only once."""
        self._proofs.see(block, genesis)

    def finish(self) -> None:
        """Compare the files that no block names with their names."""
        for path in self._store.files():
            if is_leftover(path):
                continue
            name = named_digest(path)
            if name is None:
                self._add("STRAY_FILE", None, path, "a file named by its SHA-256", path.name)
            elif not any(
                name in named for named in (self._seen, self._exhibits, self._proofs.named)
            ):
                self._counters.blobs += 1
                self._check_name(name, path)

    def _check_content(self, model: ModelFile, height: int, path: Path) -> None:
        found = self._digest(height, path)
        if found is None:
            return
        if found != model.file:
            expected = f"content of SHA-256 {model.file.hex()}"
            self._add("BLOB_DIGEST", height, path, expected, found.hex())
            return
        try:
            content = self._store.get(model.file)
            tensors = tensor_digest(content)
        except (BlobError, TensorFileError) as error:
            self._add("MODEL_MALFORMED", height, path, "a strict safetensors file", str(error))
            return
        if len(content) != model.size_bytes:
            sizes = f"{model.size_bytes} bytes", f"{len(content)} bytes"
            self._add("MODEL_SIZE", height, path, *sizes)
        if tensors != model.tensors:
            expected = f"tensors of {model.tensors.hex()}"
            self._add("TENSOR_DIGEST", height, path, expected, tensors.hex())

    def _check_name(self, name: Digest, path: Path) -> None:
        found = self._digest(None, path)
        if found is not None and found != name:
            expected = f"content of SHA-256 {name.hex()}"
            self._add("BLOB_DIGEST", None, path, expected, found.hex())

    def _digest(self, height: int | None, path: Path) -> Digest | None:
        try:
            return file_digest(path)
        except BlobError as error:
            self._add("BLOB_UNREADABLE", height, path, "a readable file", str(error))
            return None

    def _report(self, code: str, height: int, name: Digest, expected: str, found: str) -> None:
        self._add(code, height, self._store.path(name), expected, found)

    def _add(self, code: str, height: int | None, path: Path, expected: str, found: str) -> None:
        file = str(path.relative_to(self._root))
        self.findings.append(Finding(code, "L3", None, height, file, None, expected, found))
