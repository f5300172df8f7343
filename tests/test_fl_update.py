"""Updates and their mean."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fl.aggregate import fedavg
from fl.errors import UpdateError, WeightsError
from fl.model import ModelSpec, deterministic, flatten, initial_weights, unflatten
from fl.update import (
    Update,
    apply,
    delta_from_bytes,
    delta_to_bytes,
    difference,
    update_digest,
)

deterministic()

SPEC = ModelSpec("mlp", 3, 2, (4,))
COUNT = 26


def vector(seed: int, length: int = COUNT) -> torch.Tensor:
    return torch.randn(length, generator=torch.Generator().manual_seed(seed))


updates_lists = st.lists(
    st.tuples(st.integers(1, 10**6), st.integers(0, 2**32)), min_size=1, max_size=8
).map(
    lambda parts: [
        Update(f"hospital-{index}", vector(seed), count)
        for index, (count, seed) in enumerate(parts)
    ]
)


def test_base_plus_difference_is_the_trained_model_up_to_rounding() -> None:
    base, trained = initial_weights(SPEC, 1), initial_weights(SPEC, 2)
    delta = difference(trained, base)
    assert delta.dtype == torch.float32
    assert delta.shape == (COUNT,)
    assert torch.allclose(flatten(apply(SPEC, base, delta)), flatten(trained), atol=1e-7)


def test_applying_leaves_the_base_as_it_was() -> None:
    base = initial_weights(SPEC, 1)
    before = flatten(base)
    apply(SPEC, base, torch.ones(COUNT))
    assert torch.equal(flatten(base), before)


@pytest.mark.parametrize("delta", [torch.ones(1), torch.ones(COUNT + 1), torch.ones(COUNT, 1)])
def test_a_delta_of_another_shape_is_never_broadcast(delta: torch.Tensor) -> None:
    with pytest.raises(WeightsError, match="expected a delta"):
        apply(SPEC, initial_weights(SPEC, 1), delta)


@given(seed=st.integers(0, 2**32), special=st.sampled_from([float("nan"), float("-inf"), -0.0]))
def test_a_delta_survives_sending_bit_by_bit(seed: int, special: float) -> None:
    delta = vector(seed)
    delta[seed % COUNT] = special
    data = delta_to_bytes(delta)
    assert len(data) == 4 * COUNT
    assert delta_to_bytes(delta_from_bytes(SPEC, data)) == data


def test_a_delta_is_little_endian() -> None:
    assert delta_to_bytes(torch.tensor([1.0])) == b"\x00\x00\x80\x3f"


@given(data=st.binary(max_size=8 * COUNT))
def test_bytes_of_any_other_length_are_no_delta(data: bytes) -> None:
    if len(data) == 4 * COUNT:
        assert delta_to_bytes(delta_from_bytes(SPEC, data)) == data
        return
    with pytest.raises(UpdateError, match=f"expected 104 bytes of delta, found {len(data)}"):
        delta_from_bytes(SPEC, data)


def test_the_digest_of_an_update_covers_author_count_and_every_bit() -> None:
    delta = vector(1)
    flipped = delta.clone()
    flipped[0] = -flipped[0]
    variants = [
        Update("a", delta, 5),
        Update("b", delta, 5),
        Update("a", delta, 6),
        Update("a", flipped, 5),
        Update("a", delta[:-1], 5),
    ]
    assert len({update_digest(update) for update in variants}) == len(variants)
    assert update_digest(variants[0]) == update_digest(Update("a", delta.clone(), 5))


@pytest.mark.parametrize("count", [0, -1, 2**40 + 1])
def test_a_sample_count_outside_its_range_is_refused(count: int) -> None:
    with pytest.raises(UpdateError, match="sample_count is 1 to"):
        Update("a", vector(1), count)


@pytest.mark.parametrize("delta", [torch.zeros(3).double(), torch.zeros((3, 1))])
def test_a_delta_that_is_no_vector_of_float32_is_refused(delta: torch.Tensor) -> None:
    with pytest.raises(UpdateError, match="a delta is a vector of float32"):
        Update("a", delta, 1)


@given(updates=updates_lists)
def test_the_mean_is_that_of_the_naive_sum(updates: list[Update]) -> None:
    total = sum(update.sample_count for update in updates)
    columns = zip(*(update.delta.tolist() for update in updates), strict=True)
    naive = [
        sum(value * update.sample_count for value, update in zip(column, updates, strict=True))
        / total
        for column in columns
    ]
    assert torch.allclose(fedavg(updates), torch.tensor(naive), rtol=1e-6, atol=1e-7)


@given(updates=updates_lists, data=st.data())
def test_the_mean_does_not_depend_on_the_order_of_arrival(
    updates: list[Update], data: st.DataObject
) -> None:
    shuffled = data.draw(st.permutations(updates))
    assert delta_to_bytes(fedavg(shuffled)) == delta_to_bytes(fedavg(updates))


@given(update=updates_lists.map(lambda updates: updates[0]))
def test_the_mean_of_one_update_is_that_update(update: Update) -> None:
    assert torch.equal(fedavg([update]), update.delta)


def test_more_samples_weigh_more() -> None:
    mean = fedavg([Update("a", torch.zeros(2), 1), Update("b", torch.ones(2), 3)])
    assert mean.dtype == torch.float32
    assert mean.tolist() == [0.75, 0.75]


@pytest.mark.parametrize(
    ("updates", "problem"),
    [
        ([], "there are no updates"),
        ([Update("a", vector(1), 1), Update("a", vector(2), 1)], "a appears twice"),
        ([Update("b", vector(1, 3), 1), Update("a", vector(2, 4), 1)], "a sent 4 .* b 3"),
        ([Update("a", vector(1, 3), 1), Update("b", vector(2, 1), 1)], "a sent 3 .* b 1"),
    ],
)
def test_what_cannot_be_combined_is_refused(updates: list[Update], problem: str) -> None:
    with pytest.raises(UpdateError, match=problem):
        fedavg(updates)


def test_a_trained_difference_can_be_unflattened() -> None:
    base, trained = initial_weights(SPEC, 1), initial_weights(SPEC, 2)
    assert set(unflatten(SPEC, difference(trained, base))) == set(base)
