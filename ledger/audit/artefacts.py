"""Level L3, the part on models: each file is what its name and the chain say it is."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from crypto.digest import Digest
from crypto.errors import TensorFileError
from crypto.tensors import tensor_digest

from ..blobs import BlobStore, file_digest, named_digest
from ..durability import is_leftover
from ..errors import BlobError
from ..model import ModelFile
from .finding import Counters, Finding


def audit_blobs(
    directory: Path,
    root: Path,
    models: Mapping[Digest, tuple[ModelFile, int]],
    counters: Counters,
) -> Iterator[Finding]:
    """Yield what is wrong with the blobs of a run.

    Every file of the store is compared with its name, whether the chain names it or not; every
    model that the chain names must be there, with the tensors and the size the chain states.

    Args:
        directory: The blob store.
        root: The run; files are named relative to it.
        models: The models that sound blocks name, each with the first height that does.
        counters: Added to.
    """
    store = BlobStore(directory)
    present = set()
    for path in store.files():
        if is_leftover(path):
            continue
        counters.blobs += 1
        name = named_digest(path)
        file = str(path.relative_to(root))
        if name is None:
            yield _finding("STRAY_FILE", None, file, "a file named by its SHA-256", path.name)
            continue
        height = models[name][1] if name in models else None
        try:
            found = file_digest(path)
        except BlobError as error:
            yield _finding("BLOB_UNREADABLE", height, file, "a readable file", str(error))
            continue
        if found == name:
            present.add(name)
        else:
            expected = f"content of SHA-256 {name.hex()}"
            yield _finding("BLOB_DIGEST", height, file, expected, found.hex())
    for name, (model, height) in sorted(models.items(), key=lambda item: item[1][1]):
        path = store.path(name)
        file = str(path.relative_to(root))
        if name in present:
            yield from _check_model(store, model, height, file)
        elif not path.exists():
            yield _finding("BLOB_MISSING", height, file, "the model's file", "nothing")


def _check_model(store: BlobStore, model: ModelFile, height: int, file: str) -> Iterator[Finding]:
    try:
        content = store.get(model.file)
        tensors = tensor_digest(content)
    except (BlobError, TensorFileError) as error:
        yield _finding("MODEL_MALFORMED", height, file, "a strict safetensors file", str(error))
        return
    if len(content) != model.size_bytes:
        yield _finding(
            "MODEL_SIZE", height, file, f"{model.size_bytes} bytes", f"{len(content)} bytes"
        )
    if tensors != model.tensors:
        yield _finding(
            "TENSOR_DIGEST", height, file, f"tensors of {model.tensors.hex()}", tensors.hex()
        )


def _finding(code: str, height: int | None, file: str, expected: str, found: str) -> Finding:
    return Finding(code, "L3", None, height, file, None, expected, found)
