"""A model kept off the chain, as the chain names it: by two digests and its size."""

from dataclasses import dataclass
from typing import Any

from crypto.digest import Digest
from crypto.encoding import Value

from . import schema


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A model kept off the chain, by two digests."""

    file: Digest
    """SHA-256 of the safetensors file: the name of its blob."""
    tensors: Digest
    """Digest of names, types, shapes and values, independent of the file's layout."""
    size_bytes: int
    """Length of the file."""


def model_value(model: ModelFile) -> Value:
    """The map that stands in a body."""
    return {"file": model.file, "tensors": model.tensors, "size_bytes": model.size_bytes}


def read_model(value: Any) -> ModelFile:
    """Read a model's map.

    Raises:
        Violation: ``BAD_SCHEMA``.
    """
    file, tensors, size_bytes = schema.fields(value, "a model", "file", "tensors", "size_bytes")
    return ModelFile(
        schema.digest32(file, "a model's file"),
        schema.digest32(tensors, "a model's tensors"),
        schema.integer(size_bytes, "a model's size_bytes"),
    )
