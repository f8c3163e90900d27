"""The probe heads that trained with a core, on labelled stills: what they find in px of the picture."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from core_network.prepare import View
from core_network.training.augment import full_view
from core_network.training.export import load_trained_core
from core_network.training.network import CoreNetwork, ProbeHeads, normalise
from core_network.training.stills import Still
from core_network.training.trainee import USUAL_STEP, quantised
from core_network.training.validation import decode_balls, decode_people
from evaluation.datasets.people import PERSON
from evaluation.datasets.predictions import Prediction
from evaluation.datasets.types import Clip, Dataset, Frame

__all__ = [
    "Shape",
    "balls_in",
    "core_maps",
    "load_core_and_probes",
    "network_input",
    "people_in",
    "planes_of",
]

Shape = tuple[int, int]
"""Height and width of the core's input."""


def load_core_and_probes(checkpoint: Path) -> tuple[CoreNetwork, ProbeHeads]:
    """Return the averaged core in float32 and its probes; raises ValueError where it has none."""
    core, _ = load_trained_core(checkpoint)
    state: dict[str, Tensor] = torch.load(checkpoint, map_location="cpu", weights_only=False)["average"]
    own = {name.removeprefix("probes."): v for name, v in state.items() if name.startswith("probes.")}
    if not own:
        raise ValueError(f"{checkpoint}: expected the probes of a core's training; name its checkpoint")
    probes = ProbeHeads(core.architecture.channels)
    probes.load_state_dict(own)
    return core, probes.eval()


def network_input(planes: NDArray[np.uint8]) -> Tensor:
    """Return the float network's input [1, CHANNELS, H, W] of one picture's bytes."""
    x = normalise(torch.from_numpy(planes).permute(2, 0, 1)[None])
    return x.contiguous(memory_format=torch.channels_last)


def core_maps(checkpoint: Path) -> Callable[[NDArray[np.uint8]], Tensor]:
    """Return what maps one picture's bytes [H, W, PLANES], of any size, to people maps [5, h, w].

    Latents are in float32, rounded to the step of rate `default`.
    """
    core, probes = load_core_and_probes(checkpoint)

    @torch.no_grad()
    def maps(planes: NDArray[np.uint8]) -> Tensor:
        people: Tensor = probes(quantised(core(network_input(planes)), USUAL_STEP))[0]
        return people[0]

    return maps


def planes_of(dataset: Dataset, shape: Shape) -> Iterator[tuple[Clip, Frame, NDArray[np.uint8]]]:
    """Yield every still with its bytes for the core, uint8 [H, W, PLANES]."""
    for clip in dataset.clips:
        assert clip.pictures is not None  # these datasets have their pictures in a folder
        for frame in clip.frames:
            with Image.open(clip.pictures / frame.file) as picture:
                still = Still(frame.file, np.asarray(picture.convert("RGB")), None, None)
            yield clip, frame, full_view(still, shape[1], shape[0]).planes


def people_in(maps: Tensor, frame: Frame, shape: Shape) -> list[Prediction]:
    """Return the people of one picture's maps [5, h, w], best first."""
    found = decode_people(maps.float())
    places = _in_picture(found[:, :4].reshape(-1, 2), frame, shape).reshape(-1, 4)
    ranked = sorted(zip(places.tolist(), found[:, 4].tolist(), strict=True), key=lambda one: -one[1])
    return [Prediction(PERSON, (x0, y0, x1, y1), score) for (x0, y0, x1, y1), score in ranked]


def balls_in(maps: Tensor, frame: Frame, shape: Shape, threshold: float) -> list[tuple[float, float, float]]:
    """Return x, y and score of the best ball of one picture's maps [3, h, w], if it has the threshold."""
    found = decode_balls(maps.float())[:1]
    ((x, y),) = _in_picture(found[:, :2], frame, shape).tolist()
    score = float(found[0, 2])
    return [(x, y, score)] if score >= threshold else []


def _in_picture(points: NDArray[np.float64], frame: Frame, shape: Shape) -> NDArray[np.float64]:
    """Return points [n, 2] in px of the core's input as px of the picture."""
    view = View.letterbox(frame.width, frame.height, shape[1], shape[0])
    inside = (points / [shape[1], shape[0]] - [view.x0, view.y0]) / [view.width, view.height]
    return np.asarray(inside * [frame.width, frame.height])
