"""Combining updates: the sample-weighted mean.

Source: McMahan, Moore, Ramage, Hampson and Agüera y Arcas, "Communication-efficient learning of
deep networks from decentralized data", 2017, algorithm 1 (FederatedAveraging). The mean resists no
attack: one update moves it anywhere.
"""

import itertools
from collections.abc import Iterable

import torch

from .errors import UpdateError
from .update import Update


def fedavg(updates: Iterable[Update]) -> torch.Tensor:
    """Return the mean of the deltas, float32[n_params], weighted by sample counts.

    The sum is taken in float64 and in the order of the authors' ids, so the result does not depend
    on the order of arrival.

    Raises:
        UpdateError: No update, two of one author, or deltas of different lengths.
    """
    ordered = sorted(updates, key=lambda update: update.author)
    if not ordered:
        raise UpdateError("there are no updates to combine")
    for before, after in itertools.pairwise(ordered):
        if before.author == after.author:
            raise UpdateError(f"{after.author} appears twice among the updates")
    length = len(ordered[0].delta)
    total = torch.zeros(length, dtype=torch.float64)
    for update in ordered:
        if len(update.delta) != length:
            raise UpdateError(
                f"{ordered[0].author} sent {length} parameters, {update.author} {len(update.delta)}"
            )
        total += update.delta.double() * update.sample_count
    return (total / sum(update.sample_count for update in ordered)).float()
