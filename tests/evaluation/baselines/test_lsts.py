"""LSTS: sampling against a plain loop, what learns, and which frames are key frames."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from evaluation.baselines.lsts import KEY_EVERY, Lsts, Sampling
from evaluation.baselines.running import VideoRunner
from evaluation.baselines.systems import Settings, build


def _looped(sampling: Sampling, memory: torch.Tensor, current: torch.Tensor) -> torch.Tensor:
    """Return the same for one picture, cell by cell and place by place."""
    key, query = sampling.of_memory(memory)[0], sampling.of_current(current)[0]
    channels, height, width = memory.shape[1:]
    result = torch.zeros(channels, height, width)

    def at(values: torch.Tensor, x: float, y: float) -> torch.Tensor:
        x, y = min(max(x, 0.0), width - 1.0), min(max(y, 0.0), height - 1.0)
        x0, y0 = min(int(x), width - 2), min(int(y), height - 2)
        a, b = x - x0, y - y0
        upper = (1 - a) * values[:, y0, x0] + a * values[:, y0, x0 + 1]
        lower = (1 - a) * values[:, y0 + 1, x0] + a * values[:, y0 + 1, x0 + 1]
        return (1 - b) * upper + b * lower

    for row in range(height):
        for column in range(width):
            where = [(column + float(dx), row + float(dy)) for dx, dy in sampling.places]
            like = torch.stack([(at(key, x, y) * query[:, row, column]).sum() for x, y in where])
            weights = torch.softmax(like / len(key) ** 0.5, 0)
            values = torch.stack([at(memory[0], x, y) for x, y in where])
            result[:, row, column] = (weights[:, None] * values).sum(0)
    return result


@torch.no_grad()
def test_sampling_all_at_once_is_the_loop() -> None:
    torch.manual_seed(1)
    sampling = Sampling(6, 3, samples=5)
    memory, current = torch.randn(1, 6, 4, 5), torch.randn(1, 6, 4, 5)
    assert torch.allclose(sampling(memory, current)[0], _looped(sampling, memory, current), atol=1e-4)


def test_places_are_learned_from_what_is_found() -> None:
    torch.manual_seed(1)
    network = Lsts(18, 2)
    maps = network(torch.rand(1, 3, 3, 64, 64))
    assert maps.logits[0].shape[0] == 2  # the second key frame, and the frame after it
    (maps.logits[0].sum() + maps.deltas[0].sum()).backward()
    for sampling in (network.to_key, network.to_other):
        assert sampling.places.grad is not None and sampling.places.grad.abs().sum() > 0


def test_every_tenth_frame_is_a_key_frame_and_a_cut_begins_again() -> None:
    runner = VideoRunner(build("lsts_resnet18", ("person",), Settings(input=(64, 64))))
    picture = np.zeros((64, 64, 3), np.uint8)
    keys = []
    for number in range(KEY_EVERY + 4):
        runner.run(picture, fresh=number == KEY_EVERY + 2)
        keys.append(runner.last_was_key)
    assert [n for n, key in enumerate(keys) if key] == [0, KEY_EVERY, KEY_EVERY + 2]


def test_only_lsts_runs_frame_by_frame() -> None:
    with pytest.raises(ValueError, match="expected an LSTS system, got Ssd"):
        VideoRunner(build("person_detector", ("person",), Settings(input=(64, 64), width=0.1)))
