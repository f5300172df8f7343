"""Models as named tensors: shapes, vectors, files."""

import json
import struct
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load, save
from torch import nn

from fl.dataset import Samples
from fl.errors import DataError, SpecError, WeightsError
from fl.model import (
    ModelSpec,
    as_tensors,
    deterministic,
    flatten,
    from_bytes,
    initial_weights,
    logits,
    parameter_count,
    shapes,
    to_bytes,
    unflatten,
)

deterministic()

LOGISTIC = ModelSpec("logistic", 30, 2)
MLP = ModelSpec("mlp", 30, 2, (16,))

specs = st.builds(
    lambda inputs, classes, hidden: ModelSpec(
        "mlp" if hidden else "logistic", inputs, classes, tuple(hidden)
    ),
    st.integers(1, 8),
    st.integers(2, 5),
    st.lists(st.integers(1, 6), max_size=3),
)


def equal(one: torch.Tensor, two: torch.Tensor) -> bool:
    """Same bits, so that NaN equals itself and 0 differs from -0."""
    return one.numpy().tobytes() == two.numpy().tobytes()


def test_a_logistic_model_has_one_layer_and_an_mlp_one_more_per_hidden_width() -> None:
    assert shapes(LOGISTIC) == {"layers.00.bias": (2,), "layers.00.weight": (2, 30)}
    assert parameter_count(LOGISTIC) == 62
    assert parameter_count(MLP) == 30 * 16 + 16 + 16 * 2 + 2
    assert len(shapes(ModelSpec("mlp", 4, 3, (5, 6, 7)))) == 8


@given(spec=specs, seed=st.integers(0, 2**63 - 1))
def test_parameters_are_sorted_by_name_and_drawn_within_the_bound_of_their_layer(
    spec: ModelSpec, seed: int
) -> None:
    weights = initial_weights(spec, seed)
    assert list(weights) == sorted(weights) == list(shapes(spec))
    for name, value in weights.items():
        inputs = weights[name.replace("bias", "weight")].shape[1]
        assert value.dtype == torch.float32
        assert tuple(value.shape) == shapes(spec)[name]
        assert float(value.abs().max()) <= inputs**-0.5


def test_the_seed_alone_decides_the_initial_weights() -> None:
    torch.manual_seed(1)
    one = flatten(initial_weights(MLP, 5))
    torch.manual_seed(2)
    assert equal(one, flatten(initial_weights(MLP, 5)))
    assert not equal(one, flatten(initial_weights(MLP, 6)))


def test_the_outputs_are_those_of_the_same_model_built_of_modules() -> None:
    spec = ModelSpec("mlp", 30, 3, (16, 8, 4))
    weights = initial_weights(spec, 1)
    layers = [nn.Linear(30, 16), nn.Linear(16, 8), nn.Linear(8, 4), nn.Linear(4, 3)]
    for index, layer in enumerate(layers):
        layer.load_state_dict(
            {part: weights[f"layers.{index:02}.{part}"] for part in ("weight", "bias")}
        )
    relu = nn.ReLU()
    twin = nn.Sequential(layers[0], relu, layers[1], relu, layers[2], relu, layers[3])
    features = torch.randn((50, 30), generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        assert torch.allclose(logits(weights, features), twin(features), atol=1e-6)


def test_layers_keep_their_order_beyond_ten() -> None:
    spec = ModelSpec("mlp", 2, 3, tuple(range(4, 16)))
    assert logits(initial_weights(spec, 1), torch.zeros((5, 2))).shape == (5, 3)


@given(spec=specs, data=st.data())
def test_flatten_and_unflatten_are_inverse(spec: ModelSpec, data: st.DataObject) -> None:
    count = parameter_count(spec)
    seed = data.draw(st.integers(0, 2**32))
    vector = torch.randn(count, generator=torch.Generator().manual_seed(seed))
    vector[data.draw(st.integers(0, count - 1))] = data.draw(
        st.sampled_from([float("nan"), float("inf"), -0.0])
    )
    weights = unflatten(spec, vector)
    assert {name: tuple(value.shape) for name, value in weights.items()} == shapes(spec)
    assert equal(flatten(weights), vector)


@pytest.mark.parametrize(
    "vector", [torch.zeros(61), torch.zeros(63), torch.zeros((1, 62)), torch.zeros(62).double()]
)
def test_a_vector_of_another_length_shape_or_type_is_refused(vector: torch.Tensor) -> None:
    with pytest.raises(WeightsError, match=r"expected a vector float32\[62\], found torch\.float"):
        unflatten(LOGISTIC, vector)


def test_unflattened_weights_do_not_share_memory_with_the_vector() -> None:
    vector = torch.zeros(62)
    weights = unflatten(LOGISTIC, vector)
    vector += 1
    assert float(flatten(weights).sum()) == 0


@settings(deadline=None)
@given(spec=specs, seed=st.integers(0, 2**32))
def test_a_file_gives_back_the_weights_bit_by_bit(spec: ModelSpec, seed: int) -> None:
    weights = dict(initial_weights(spec, seed))
    weights["layers.00.bias"] = torch.full_like(weights["layers.00.bias"], float("nan"))
    data = to_bytes(weights)
    assert equal(flatten(from_bytes(spec, data)), flatten(weights))
    assert to_bytes(from_bytes(spec, data)) == data


def test_the_bytes_of_a_file_depend_on_values_only() -> None:
    weights = initial_weights(MLP, 1)
    backwards = {name: weights[name] for name in sorted(weights, reverse=True)}
    strided = {name: value.t().contiguous().t() for name, value in weights.items()}
    assert to_bytes(weights) == to_bytes(backwards) == to_bytes(strided)


def test_a_file_has_no_metadata() -> None:
    data = to_bytes(initial_weights(MLP, 1))
    (length,) = struct.unpack("<Q", data[:8])
    assert set(json.loads(data[8 : 8 + length])) == set(shapes(MLP))


def test_weights_read_from_a_file_can_be_written_to() -> None:
    weights = from_bytes(LOGISTIC, to_bytes(initial_weights(LOGISTIC, 1)))
    weights["layers.00.bias"].zero_()


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda w: w.pop("layers.00.bias"), r"layers\.00\.bias"),
        (lambda w: w.update(extra=torch.zeros(1)), "extra"),
        (lambda w: w.update({"layers.00.bias": torch.zeros(3)}), r"\[2\].*\[3\]"),
        (lambda w: w.update({"layers.00.bias": torch.zeros(2).double()}), "F32.*F64"),
        (lambda w: w.update({"layers.00.weight": torch.zeros(30, 2)}), r"\[2, 30\].*\[30, 2\]"),
    ],
)
def test_names_shapes_and_types_must_be_the_models(
    change: Callable[[dict[str, torch.Tensor]], object], problem: str
) -> None:
    tensors = load(to_bytes(initial_weights(LOGISTIC, 1)))
    change(tensors)
    with pytest.raises(WeightsError, match=problem):
        from_bytes(LOGISTIC, save(tensors))


def test_bytes_that_are_no_weights_file_are_refused() -> None:
    with pytest.raises(WeightsError):
        from_bytes(LOGISTIC, b"not a model")


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("forest", 3, 2, ()), "a model is logistic or mlp, not 'forest'"),
        (("logistic", 3, 2, (4,)), "hidden is empty for logistic"),
        (("mlp", 3, 2, ()), "hidden is empty for logistic"),
        (("logistic", 0, 2, ()), "at least 1 input"),
        (("logistic", 3, 1, ()), "2 classes"),
        (("mlp", 3, 2, (4, 0)), "1 unit per hidden layer"),
        (("mlp", 3, 2, (4,) * 64), "at most 64 layers"),
        (("mlp", 100_000, 2, (10_000,)), "100000000 parameters"),
    ],
)
def test_an_impossible_architecture_is_refused(arguments: tuple[Any, ...], problem: str) -> None:
    with pytest.raises(SpecError, match=problem):
        ModelSpec(*arguments)


@pytest.mark.parametrize(
    ("width", "labels", "problem"),
    [
        (30, [], "there are no samples"),
        (29, [0, 1], "30 inputs, the samples 29"),
        (30, [0, 2], "classes 0 to 1, the labels 0 to 2"),
        (30, [-1, 0], "the labels -1 to 0"),
    ],
)
def test_samples_of_another_model_are_refused(width: int, labels: list[int], problem: str) -> None:
    samples = Samples(
        np.zeros((len(labels), width), dtype=np.float32), np.array(labels, dtype=np.int64)
    )
    with pytest.raises(DataError, match=problem):
        as_tensors(LOGISTIC, samples)
