"""Updates as integers: never longer than the bound, and not far from what they were."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from crypto.norm_proof import Context, commit, parameters, prove, verify
from fl.errors import SpecError, UpdateError
from fl.quantize import (
    BOUND_MAX,
    Quantizer,
    Rounding,
    clipped,
    dequantize,
    quantize,
)

LENGTH = 500


def vector(seed: int, scale: float = 1.0, length: int = LENGTH) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(length, generator=generator, dtype=torch.float64) * scale


def norm2(values: np.ndarray[tuple[int], np.dtype[np.int64]]) -> int:
    return sum(int(value) ** 2 for value in values)


scales = st.sampled_from([1e-300, 1e-30, 1e-3, 0.04, 1.0, 50.0, 1e6, 1e150, 1e300])


@given(seed=st.integers(0, 2**32), scale=scales, rounding=st.sampled_from(Rounding))
def test_no_update_is_ever_longer_than_the_bound(
    seed: int, scale: float, rounding: Rounding
) -> None:
    quantizer = Quantizer(LENGTH, 1.0, 4096, rounding)
    found = quantize(quantizer, vector(seed, scale), np.random.default_rng(seed))
    assert found.values.dtype == np.int64
    assert norm2(found.values) <= 4096**2


@given(seed=st.integers(0, 2**32), clip=st.floats(1e-6, 1e6), bound=st.integers(64, BOUND_MAX))
def test_every_entry_is_closer_than_one_step(seed: int, clip: float, bound: int) -> None:
    delta = vector(seed, clip / math.sqrt(LENGTH))
    for rounding in Rounding:
        quantizer = Quantizer(LENGTH, clip, bound, rounding)
        found = quantize(quantizer, delta, np.random.default_rng(seed))
        error = found.values / found.scale - clipped(quantizer, delta)
        assert float(np.abs(error).max()) * found.scale < 1 + 1e-6
        assert float(np.linalg.norm(error)) * found.scale < math.sqrt(LENGTH)
        if rounding is Rounding.TRUNCATE:
            assert (np.abs(found.values) <= np.abs(clipped(quantizer, delta)) * found.scale).all()


@given(seed=st.integers(0, 2**32), scale=scales)
def test_clipping_keeps_the_direction_and_short_updates(seed: int, scale: float) -> None:
    quantizer = Quantizer(LENGTH, 2.0, 4096)
    delta = vector(seed, scale)
    found = clipped(quantizer, delta)
    if scale * math.sqrt(LENGTH) < 1.5:
        assert np.array_equal(found, delta.numpy())
    elif scale * math.sqrt(LENGTH) > 3:
        assert float(np.linalg.norm(found)) == pytest.approx(2.0)
        ratio = found / (delta.numpy() / scale)
        assert float(ratio.max() / ratio.min()) == pytest.approx(1.0)


def test_unbiased_rounding_is_right_on_average() -> None:
    quantizer = Quantizer(LENGTH, 1.0, 256, Rounding.UNBIASED)
    delta = vector(1, 0.5 / math.sqrt(LENGTH))
    generator = np.random.default_rng(1)
    runs = 2000
    found = np.array([quantize(quantizer, delta, generator).values for _ in range(runs)])
    error = found / quantizer.scale - delta.numpy()
    deviation = 1 / (2 * quantizer.scale)
    assert float(np.abs(error.mean(axis=0)).max()) < 5 * deviation / math.sqrt(runs)
    assert float((error**2).sum(axis=1).mean()) <= LENGTH * deviation**2
    truncated = quantize(Quantizer(LENGTH, 1.0, 256), delta)
    assert float(np.linalg.norm(truncated.values / truncated.scale)) < float(delta.norm()) * 0.99


def test_an_update_at_the_clip_norm_needs_no_second_rounding() -> None:
    quantizer = Quantizer(20_000, 1.0, 16_384, Rounding.UNBIASED)
    for seed in range(20):
        delta = vector(seed, 1.0, 20_000)
        generator = np.random.default_rng(seed)
        found = quantize(quantizer, delta, generator)
        again = np.random.default_rng(seed)
        once = np.floor(clipped(quantizer, delta) * quantizer.scale + again.random(20_000))
        assert np.array_equal(found.values, once.astype(np.int64))
    assert quantizer.scale > 0.999 * 16_384


@pytest.mark.parametrize("rounding", Rounding)
def test_the_way_back_is_a_float32_tensor(rounding: Rounding) -> None:
    delta = vector(1, 0.01).to(torch.float32)
    quantizer = Quantizer(LENGTH, 1.0, 16_384, rounding)
    found = dequantize(quantize(quantizer, delta, np.random.default_rng(1)))
    assert found.dtype == torch.float32
    assert found.shape == delta.shape
    assert float((found - delta).abs().max()) <= 1 / quantizer.scale * (1 + 1e-6)


def test_zero_stays_zero() -> None:
    for rounding in Rounding:
        quantizer = Quantizer(LENGTH, 1.0, 4096, rounding)
        found = quantize(quantizer, torch.zeros(LENGTH), np.random.default_rng(1))
        assert not found.values.any()


BAD_DELTAS = {
    "NaN": torch.full((LENGTH,), float("nan")),
    "infinity": torch.full((LENGTH,), float("-inf")),
    "one NaN": torch.cat([torch.zeros(LENGTH - 1), torch.tensor([float("nan")])]),
    "short": torch.zeros(LENGTH - 1),
    "two axes": torch.zeros(1, LENGTH),
    "integers": torch.zeros(LENGTH, dtype=torch.int64),
    "nothing": torch.zeros(0),
}


@pytest.mark.parametrize("name", BAD_DELTAS)
def test_a_delta_that_is_no_vector_of_numbers_is_refused(name: str) -> None:
    with pytest.raises(UpdateError):
        quantize(Quantizer(LENGTH, 1.0, 4096), BAD_DELTAS[name])


@pytest.mark.parametrize(
    ("length", "clip", "bound", "rounding"),
    [
        (0, 1.0, 10, Rounding.TRUNCATE),
        (10, 0.0, 10, Rounding.TRUNCATE),
        (10, -1.0, 10, Rounding.TRUNCATE),
        (10, math.nan, 10, Rounding.TRUNCATE),
        (10, math.inf, 10, Rounding.TRUNCATE),
        (10, 1e-320, 10, Rounding.TRUNCATE),
        (10, 1.0, 0, Rounding.TRUNCATE),
        (10, 1.0, BOUND_MAX + 1, Rounding.TRUNCATE),
        (10**6, 1.0, 400, Rounding.UNBIASED),
    ],
)
def test_a_map_without_a_scale_is_refused(
    length: int, clip: float, bound: int, rounding: Rounding
) -> None:
    with pytest.raises(SpecError):
        Quantizer(length, clip, bound, rounding)


def test_unbiased_rounding_needs_a_generator() -> None:
    with pytest.raises(SpecError, match="needs a generator"):
        quantize(Quantizer(LENGTH, 1.0, 4096, Rounding.UNBIASED), torch.zeros(LENGTH))


def test_names_tell_maps_apart() -> None:
    maps = [
        Quantizer(10, 1.0, 4096),
        Quantizer(11, 1.0, 4096),
        Quantizer(10, math.nextafter(1.0, 2), 4096),
        Quantizer(10, 1.0, 4095),
        Quantizer(10, 1.0, 4096, Rounding.UNBIASED),
    ]
    assert len({each.name for each in maps}) == len(maps)


@pytest.mark.parametrize("rounding", Rounding)
@pytest.mark.parametrize("scale", [0.001, 1.0, 1e9])
def test_what_is_quantised_can_be_proven(rounding: Rounding, scale: float) -> None:
    quantizer = Quantizer(LENGTH, 5.0, 4096, rounding)
    found = quantize(quantizer, vector(3, scale), np.random.default_rng(3))
    params = parameters(LENGTH, quantizer.bound)
    digest = bytes(32)
    context = Context("hospital-1", 1, digest, digest, digest, 5, quantizer.name)
    opening = commit(params, found.values, bytes(32))
    verify(params, opening.commitment, prove(opening, context, bytes(32)), context)
