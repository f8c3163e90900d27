"""The bottleneck fitted anew to the features that int8 leaves: by least squares it mends what is linear in
their error, bias first of all.

A correction after quantisation as in arXiv 1906.04721, section 4.2, but of the last layer's weights and bias
together.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import onnx
import onnxruntime as ort
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from core_network.training.network import LATENT_LIMIT, CoreNetwork

__all__ = ["refit_bottleneck"]

_BUSY = 0.2
"""Share of the places that count more, those with the largest latents: people, balls, lines."""
_BUSY_WEIGHT = 5.0
_RIDGE = 1e-4
"""How much the weights stay as they were, against the mean square of a feature."""


@torch.no_grad()
def refit_bottleneck(
    model: onnx.ModelProto, core: CoreNetwork, pictures: Iterable[NDArray[np.float32]]
) -> None:
    """Change the weights `coarse`, `fine` and `bias` of a quantised `ServedCore` in place.

    Wanted are the latents of the float `core`; pictures are network inputs [1, CHANNELS, H, W] (`normalise`).
    """
    features = _features(model)
    a = core.architecture
    columns = a.pyramid + 4 * a.fine + 1
    square, product = np.zeros((columns, columns)), np.zeros((columns, a.channels))
    for x in pictures:
        wanted = core.bottleneck(core.shared(torch.from_numpy(x)))[0].flatten(1).T.double().numpy()
        coarse, fine = features.run(None, {"x": x})
        parts = [torch.from_numpy(coarse)[0], F.pixel_unshuffle(torch.from_numpy(fine), 2)[0]]
        seen = torch.cat([part.flatten(1) for part in parts]).T.double().numpy()
        seen = np.column_stack([seen, np.ones(len(seen))])
        size = np.abs(wanted).mean(1)
        weight = np.where(size > np.quantile(size, 1 - _BUSY), _BUSY_WEIGHT, 1.0)
        weight *= (np.abs(wanted) < LATENT_LIMIT).all(1)  # beyond it the latent is clamped
        weighted = (seen * weight[:, None]).T
        square += weighted @ seen
        product += weighted @ wanted
    assert core.bottleneck.bias is not None
    before = np.column_stack(
        [core.bottleneck.weight[:, :, 0, 0].double().numpy(), core.bottleneck.bias.double().numpy()]
    ).T
    ridge = _RIDGE * np.diag(square).mean()
    fitted = np.linalg.solve(square + ridge * np.eye(columns), product + ridge * before).T.astype(np.float32)
    shapes = {
        "coarse": (a.channels, a.pyramid, 1, 1),
        "fine": (a.channels, a.fine, 2, 2),
        "bias": (a.channels,),
    }
    values = dict(zip(shapes, np.split(fitted, [a.pyramid, columns - 1], 1), strict=True))
    for stored in model.graph.initializer:
        if stored.name in shapes:
            mended = values[stored.name].reshape(shapes[stored.name])
            stored.CopyFrom(numpy_helper.from_array(mended, stored.name))


def _features(model: onnx.ModelProto) -> ort.InferenceSession:
    """Return the graph up to what enters the bottleneck's two convolutions: coarse, fine."""
    graph = onnx.ModelProto()
    graph.CopyFrom(model)
    del graph.graph.output[:]
    for weights in ("coarse", "fine"):
        (convolution,) = (node for node in graph.graph.node if weights in node.input)
        graph.graph.output.append(
            helper.make_tensor_value_info(convolution.input[0], TensorProto.FLOAT, None)
        )
    return ort.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
