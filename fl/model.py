"""The models: softmax regression and a multilayer perceptron, as functions over named tensors.

A model is its weights and nothing else: no module object holds state. Weights travel as a
safetensors file without metadata, whose bytes are a function of the values alone. Whether the
values are finite and any good is for `fl.validate` to say.
"""

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from safetensors.torch import save

from crypto.errors import TensorFileError
from crypto.tensors import read_tensors

from .dataset import Samples
from .errors import DataError, SpecError, WeightsError

Weights = Mapping[str, torch.Tensor]
"""Parameter name to float32 tensor."""

PARAMETER_COUNT_MAX = 100_000_000
LAYER_COUNT_MAX = 64


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """The architecture; everything about a model but its weights."""

    kind: Literal["logistic", "mlp"]
    """`logistic`: one linear layer. `mlp`: hidden layers with ReLU before it."""
    input_count: int
    """Features of a sample."""
    class_count: int
    """Outputs, one per class."""
    hidden: tuple[int, ...] = ()
    """Units of each hidden layer; empty for `logistic` and only there."""

    def __post_init__(self) -> None:
        if self.kind not in ("logistic", "mlp"):
            raise SpecError(f"a model is logistic or mlp, not {self.kind!r}")
        if (self.kind == "logistic") != (self.hidden == ()):
            raise SpecError(f"hidden is empty for logistic and only there, not {self.hidden}")
        if self.input_count < 1 or self.class_count < 2 or any(width < 1 for width in self.hidden):
            raise SpecError(
                f"a model has at least 1 input, 2 classes and 1 unit per hidden layer, "
                f"not {self.input_count}, {self.class_count} and {self.hidden}"
            )
        if len(self.hidden) >= LAYER_COUNT_MAX or parameter_count(self) > PARAMETER_COUNT_MAX:
            raise SpecError(
                f"a model has at most {LAYER_COUNT_MAX} layers and {PARAMETER_COUNT_MAX} "
                f"parameters, not {len(self.hidden) + 1} and {parameter_count(self)}"
            )


def deterministic() -> None:
    """Make torch bitwise reproducible on this machine.

    The shell calls this once per process; training and validation rely on it. One thread is also
    the fastest way to run models of this size.
    """
    torch.set_num_threads(1)
    # As use_deterministic_algorithms(True), without loading the compiler, which takes seconds.
    torch.set_deterministic_debug_mode("error")


def shapes(spec: ModelSpec) -> dict[str, tuple[int, ...]]:
    """Return the shape of each parameter, sorted by name."""
    widths = (spec.input_count, *spec.hidden, spec.class_count)
    result: dict[str, tuple[int, ...]] = {}
    for index, (inputs, outputs) in enumerate(itertools.pairwise(widths)):
        result[f"layers.{index:02}.bias"] = (outputs,)
        result[f"layers.{index:02}.weight"] = (outputs, inputs)
    return result


def parameter_count(spec: ModelSpec) -> int:
    """Return the number of scalars in the model."""
    return sum(math.prod(shape) for shape in shapes(spec).values())


def initial_weights(spec: ModelSpec, seed: int) -> Weights:
    """Return weights uniform in ±1/sqrt(inputs of the layer), the usual start of a linear layer."""
    generator = torch.Generator().manual_seed(seed)
    sizes = shapes(spec)
    weights = {}
    for name, shape in sizes.items():
        inputs = sizes[name.removesuffix("bias").removesuffix("weight") + "weight"][1]
        weights[name] = (torch.rand(shape, generator=generator) * 2 - 1) / math.sqrt(inputs)
    return weights


def logits(weights: Weights, features: torch.Tensor) -> torch.Tensor:
    """Return the scores float32[n, class_count] of features float32[n, input_count]."""
    names = sorted(weights)
    *hidden, last = zip(names[0::2], names[1::2], strict=True)
    signal = features
    for bias, weight in hidden:
        signal = torch.relu(torch.addmm(weights[bias], signal, weights[weight].t()))
    bias, weight = last
    return torch.addmm(weights[bias], signal, weights[weight].t())


def as_tensors(spec: ModelSpec, samples: Samples) -> tuple[torch.Tensor, torch.Tensor]:
    """Return features float32[n, d] and labels int64[n] as tensors that fit the model.

    Raises:
        DataError: There are no samples, or they are not made for this model.
    """
    count, width = samples.features.shape
    if count == 0:
        raise DataError("there are no samples; give at least one")
    if width != spec.input_count:
        raise DataError(f"the model has {spec.input_count} inputs, the samples {width} features")
    low, high = int(samples.labels.min()), int(samples.labels.max())
    if low < 0 or high >= spec.class_count:
        raise DataError(
            f"the model has classes 0 to {spec.class_count - 1}, the labels {low} to {high}"
        )
    return torch.tensor(samples.features), torch.tensor(samples.labels)


def flatten(weights: Weights) -> torch.Tensor:
    """Return all parameters as float32[n_params], sorted by name, each in row-major order."""
    return torch.cat([weights[name].reshape(-1) for name in sorted(weights)])


def unflatten(spec: ModelSpec, vector: torch.Tensor) -> Weights:
    """Return the weights that `flatten` made into this vector.

    Raises:
        WeightsError: The vector is not float32[n_params] of this model.
    """
    count = parameter_count(spec)
    if vector.dtype != torch.float32 or vector.shape != (count,):
        raise WeightsError(
            f"expected a vector float32[{count}], found {vector.dtype} {list(vector.shape)}"
        )
    sizes = shapes(spec)
    chunks = torch.split(vector, [math.prod(shape) for shape in sizes.values()])
    return {
        name: chunk.reshape(shape).clone()
        for (name, shape), chunk in zip(sizes.items(), chunks, strict=True)
    }


def to_bytes(weights: Weights) -> bytes:
    """Return the weights as a safetensors file; equal values give equal bytes."""
    return save({name: weights[name].contiguous() for name in sorted(weights)})


def from_bytes(spec: ModelSpec, data: bytes) -> Weights:
    """Return the weights in a safetensors file; their values may be anything.

    Raises:
        WeightsError: The file is malformed, or its names, types or shapes are not the model's.
    """
    try:
        entries = read_tensors(data)
    except TensorFileError as error:
        raise WeightsError(str(error)) from error
    found = {entry.name: f"{entry.dtype} {list(entry.shape)}" for entry in entries}
    expected = {name: f"F32 {list(shape)}" for name, shape in shapes(spec).items()}
    if found.keys() != expected.keys():
        raise WeightsError(f"expected the tensors {list(expected)}, found {list(found)}")
    for name, form in expected.items():
        if found[name] != form:
            raise WeightsError(f"tensor {name!r}: expected {form}, found {found[name]}")
    return {
        entry.name: torch.tensor(
            np.frombuffer(entry.raw, dtype="<f4").astype(np.float32).reshape(entry.shape)
        )
        for entry in entries
    }
