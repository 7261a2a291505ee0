"""PatchCore's other sampler: learned proxies, from which every patch is reconstructed (Eq. 8)."""

from __future__ import annotations

import warnings
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from adviz._support import progress_bar
from adviz.core.coreset.random_projection import check_count, checked_points, random

ProxySign = Literal["negative", "paper"]
BATCH = 1024  # rows reconstructed at once
STEP = 0.05  # of the optimiser, in standard deviations of the rows' coordinates
# Squared distances are kept above it: the root has no slope at 0, where proxies start
NEAREST = 1e-6


def learn_proxies(
    points: np.ndarray, count: int, *, sign: ProxySign = "negative", epochs: int = 10, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Learn proxies whose softmax-weighted means reconstruct the rows as well as possible.

    PatchCore, Eq. 8: for row m, the loss is ||m - sum_k w_k p_k||^2, with w the softmax over the
    proxies p_k of -||m - p_k||. The paper prints exp(+||m - p_k||), with which the farthest proxies
    weigh most (``sign="paper"``).

    Parameters
    ----------
    points: (M, C) float.
    count: proxies, 1 <= count <= M; they start from that many random rows.
    sign: of the distance in the exponent.
    epochs: passes over the rows, 1 or more (Adam, batches of 1024; the paper says nothing about the
        optimiser).
    seed: of the first proxies and of the rows' order.

    Returns
    -------
    proxies: (count, C) float32; they are no rows, and have no order.
    losses: (epochs,) float64, mean loss over the rows during each epoch; shorter when interrupted,
        which warns and returns the proxies so far.

    Raises
    ------
    ValueError: a count that does not exist, fewer than one epoch, or an unknown sign.

    Examples
    --------
    >>> from adviz import coreset
    >>> points = np.random.default_rng(0).normal(size=(100, 4))
    >>> proxies, losses = coreset.learn_proxies(points, 5, epochs=2)
    >>> proxies.shape, losses.shape
    ((5, 4), (2,))
    """
    points = checked_points(points)
    check_count(count, len(points))
    if sign not in ("negative", "paper") or epochs < 1:
        raise ValueError(
            f'expected sign "negative" or "paper" and 1 epoch or more, got {sign!r} and {epochs}'
        )
    with torch.inference_mode(False), torch.enable_grad():  # whatever mode the caller is in
        return _learn(points, count, sign, epochs, seed)


def _learn(
    points: np.ndarray, count: int, sign: ProxySign, epochs: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Learn proxies from checked arguments, see `learn_proxies`."""
    centre = points.mean(0)
    rows = torch.from_numpy(points - centre)  # a common offset changes nothing but the rounding
    first = torch.from_numpy(random(len(points), count, seed))
    proxies = rows[first].clone().requires_grad_()  # (count, C)
    spread = float(rows.std()) if rows.numel() > 1 else 0.0
    optimiser = torch.optim.Adam([proxies], lr=STEP * spread or STEP)
    generator = np.random.default_rng([seed, 1])
    losses: list[float] = []
    try:
        for _ in progress_bar(range(epochs), label="proxies"):
            order = torch.from_numpy(generator.permutation(len(points)))
            total = 0.0
            for batch in torch.split(order, BATCH):
                loss = _reconstruction(rows[batch], proxies, sign).mean()
                optimiser.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                optimiser.step()
                total += len(batch) * float(loss.detach())
            losses.append(total / len(points))
    except KeyboardInterrupt:
        warnings.warn(
            f"interrupted: the proxies have seen {len(losses)} of {epochs} passes", stacklevel=3
        )
    return proxies.detach().numpy() + centre, np.array(losses)


def _reconstruction(rows: Tensor, proxies: Tensor, sign: ProxySign) -> Tensor:
    """Return the loss of Eq. 8 for each row, (n,)."""
    square = rows.square().sum(1, keepdim=True) + proxies.square().sum(1) - 2 * rows @ proxies.T
    distance = square.clamp(min=NEAREST).sqrt()  # (n, count)
    if sign == "negative":
        distance = -distance
    weights = torch.softmax(distance, dim=1)
    return (rows - weights @ proxies).square().sum(1)
