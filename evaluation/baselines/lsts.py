"""LSTS, video detection by learned sampling ("Learning Where to Focus", arXiv 1911.05253).

    key frame      picture -> ResNet, whole -> features --\\
                                     memory -> sampling ----> weighted sum (SRFU) -> memory' -> head
    other frames   picture -> ResNet, first layers -> small transform --\\
                                     memory -> sampling ------------------> weighted sum (DFA) -> head

Sampling takes the memory at learned places around each cell and mixes them by how similar they are to the
current features. The head is RetinaNet's at one stride of 16; the paper's is R-FCN.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from evaluation.baselines.backbones.resnet import ResNet
from evaluation.baselines.layers import plain_conv, start_convolutions
from evaluation.baselines.maps import HeadMaps
from evaluation.baselines.retinanet import RetinaHead

__all__ = ["KEY_EVERY", "BOXES", "Lsts", "Sampling"]

KEY_EVERY = 10
"""Frames from one key frame to the next, as in the paper."""
BOXES = 12
"""Boxes at each place: four sizes at three ratios."""
_SAMPLES = 25
_SPREAD = 2.0
_WIDTHS = {18: 256, 34: 256, 50: 1024, 101: 1024}
_HEAD_WIDTH = 256
_LOW_BLOCKS = {18: 1, 34: 2, 50: 3, 101: 3}
"""Blocks of layer 3 that every frame runs; conv4_3 in the paper."""


class Sampling(nn.Module):
    """Memory [B, C, H, W] brought to where `current` [B, C, H, W] has what resembles it.

    `places` [N, 2]: where to look, in cells from the own one, x and y; learned with the rest by the detection
    loss, as bilinear sampling passes gradients to them. All cells and places are sampled at once.
    """

    def __init__(self, channels: int, embedded: int, samples: int = _SAMPLES) -> None:
        """Begin with places drawn from a normal distribution, the own cell among them."""
        super().__init__()
        self.of_memory = plain_conv(channels, embedded, 1)
        self.of_current = plain_conv(channels, embedded, 1)
        start = torch.randn(samples, 2) * _SPREAD
        start[0] = 0
        self.places = nn.Parameter(start)
        start_convolutions(self.of_memory)
        start_convolutions(self.of_current)

    def forward(self, memory: Tensor, current: Tensor) -> Tensor:
        """Return the aligned memory."""
        batch, channels, height, width = memory.shape
        samples = len(self.places)
        key, query = self.of_memory(memory), self.of_current(current)
        embedded = key.shape[1]
        grid = self._grid(height, width, memory)
        # Keys and values move together: one bilinear sampling for both.
        both = torch.cat([key, memory], 1)
        grids = grid[None].expand(batch, -1, -1, -1, -1).reshape(batch * samples, height, width, 2)
        spread = both[:, None].expand(-1, samples, -1, -1, -1).reshape(batch * samples, -1, height, width)
        found = F.grid_sample(spread, grids, "bilinear", "border", align_corners=True)
        found = found.reshape(batch, samples, embedded + channels, height, width)
        likeness = (found[:, :, :embedded] * query[:, None]).sum(2) / embedded**0.5
        weights = torch.softmax(likeness, 1)
        return (weights[:, :, None] * found[:, :, embedded:]).sum(1)

    def _grid(self, height: int, width: int, like: Tensor) -> Tensor:
        """Return where each place of each cell lies [N, H, W, 2], -1 to 1 from the first to the last cell."""
        y, x = torch.meshgrid(
            torch.arange(height, device=like.device, dtype=like.dtype),
            torch.arange(width, device=like.device, dtype=like.dtype),
            indexing="ij",
        )
        cells = torch.stack([x, y], -1)[None] + self.places[:, None, None]
        return cells * (2 / torch.tensor([max(width - 1, 1), max(height - 1, 1)], dtype=like.dtype)) - 1


class _Fusion(nn.Module):
    """Two maps -> their sum, weighted at each cell by how good each is there."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.quality = nn.Sequential(
            plain_conv(channels, channels // 4), nn.ReLU(inplace=True), plain_conv(channels // 4, 1, 1)
        )
        start_convolutions(self)

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        weights = torch.softmax(torch.cat([self.quality(a), self.quality(b)], 1), 1)
        return a * weights[:, :1] + b * weights[:, 1:]


class Lsts(nn.Module):
    """picture [B, 3, H, W] -> maps of one level, as a first key frame; or three frames, see `forward`."""

    def __init__(self, depth: int, outputs: int) -> None:
        """Build it on ResNet of this depth."""
        super().__init__()
        width = _WIDTHS[depth]
        body = ResNet(depth, dilate_last=True)
        self.backbone = nn.ModuleDict({"body": body})
        self._low = _LOW_BLOCKS[depth]
        ends = body.widths
        self.reduce = nn.Sequential(plain_conv(ends[3], width, 1), nn.ReLU(inplace=True))
        self.transform = nn.Sequential(
            plain_conv(ends[2], width // 4), nn.ReLU(inplace=True),
            plain_conv(width // 4, width // 2), nn.ReLU(inplace=True),
            plain_conv(width // 2, width), nn.ReLU(inplace=True),
        )  # fmt: skip
        self.to_key, self.to_other = Sampling(width, width // 4), Sampling(width, width // 4)
        self.update, self.aggregate = _Fusion(width), _Fusion(width)
        self.neck = nn.Sequential(plain_conv(width, _HEAD_WIDTH, 1), nn.ReLU(inplace=True))
        self.head = RetinaHead(_HEAD_WIDTH, BOXES, outputs)
        start_convolutions(self.reduce)
        start_convolutions(self.neck)
        start_convolutions(self.transform)

    def key(self, picture: Tensor, memory: Tensor | None) -> tuple[HeadMaps, Tensor]:
        """Return the maps of a key frame and the memory after it; without a memory it begins one."""
        body = self._body()
        features = self.reduce(body.get_submodule("layer4")(self._upper(self._lower(picture))))
        if memory is not None:
            features = self.update(self.to_key(memory, features), features)
        return self._found(features), features

    def between(self, picture: Tensor, memory: Tensor) -> HeadMaps:
        """Return the maps of a frame between key frames."""
        here = self.transform(self._lower(picture))
        return self._found(self.aggregate(self.to_other(memory, here), here))

    def forward(self, x: Tensor) -> HeadMaps:
        """Return the maps of single pictures, each as the first of its video.

        Of [B, 3, 3, H, W], a key frame, the next key frame and a frame after it, return the maps of the last
        two, [2 B, ..], key frames first.
        """
        if x.ndim == 4:
            return self.key(x, None)[0]
        _, memory = self.key(x[:, 0], None)
        key, memory = self.key(x[:, 1], memory)
        other = self.between(x[:, 2], memory)
        pairs = zip((key.logits, key.deltas), (other.logits, other.deltas), strict=True)
        logits, deltas = ([torch.cat([a[0], b[0]])] for a, b in pairs)
        return HeadMaps(logits, deltas)

    def _found(self, features: Tensor) -> HeadMaps:
        maps: HeadMaps = self.head([self.neck(features)])
        return maps

    def _body(self) -> ResNet:
        body = self.backbone["body"]
        assert isinstance(body, ResNet)
        return body

    def _lower(self, x: Tensor) -> Tensor:
        body = self._body()
        x = body.get_submodule("layer2")(body.get_submodule("layer1")(body.stem(x)))
        result: Tensor = self._third()[: self._low](x)
        return result

    def _upper(self, x: Tensor) -> Tensor:
        result: Tensor = self._third()[self._low :](x)
        return result

    def _third(self) -> nn.Sequential:
        layer = self._body().get_submodule("layer3")
        assert isinstance(layer, nn.Sequential)
        return layer
