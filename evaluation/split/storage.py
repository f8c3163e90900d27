"""What part 1 leaves for part 2: an NPZ file per picture, whole or in bytes, or our bitstream at a rate."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from core_network.catalogue import Core
from core_network.prepare import View
from core_network.spec import RATES
from evaluation.split.detector import UNROUNDED, Detector, DetectorError
from evaluation.split.session import Arrays
from stream.bitstream import BitstreamDecoder, BitstreamEncoder, BitstreamError
from stream.entropy_tables import load_tables
from stream.sync import CLOCK_RATE

__all__ = ["PLAIN_STORES", "STORES", "Bitstream", "Npz", "Npz8", "Picture", "Store", "store_named"]

PLAIN_STORES = ("npz", "npz8")
"""Those that store any tensors of any network."""
STORES = (*PLAIN_STORES, *RATES)
"""Names that `split-infer --store` takes."""
_FPS = 25
_VIEW = "view"


@dataclass(frozen=True)
class Picture:
    """What is known of a picture beside its tensors: its number in the clip, its view, whether it is the
    first or does not follow the one before."""

    number: int
    view: View
    fresh: bool


class Store(Protocol):
    """Packs the tensors of one picture and unpacks them; one per clip, pictures in order."""

    suffix: str
    also: tuple[str, ...]
    """Tensors beside those of the cut that it packs from, where the network has them."""

    def pack(self, tensors: Arrays, picture: Picture) -> bytes:
        """Return what is stored."""

    def unpack(self, content: bytes, source: str) -> tuple[Arrays, View]:
        """Return the tensors and the view; raises DetectorError naming `source`."""


class Npz:
    """The tensors as they are, in a compressed NPZ file (deflate): nothing is lost."""

    suffix = ".npz"
    also: tuple[str, ...] = ()

    def pack(self, tensors: Arrays, picture: Picture) -> bytes:
        """Return the file's bytes; the view (24 bytes) is part of them."""
        packed = io.BytesIO()
        stored: dict[str, Any] = {**tensors, _VIEW: picture.view.as_array()}
        np.savez_compressed(packed, **stored)
        return packed.getvalue()

    def unpack(self, content: bytes, source: str) -> tuple[Arrays, View]:
        """Read what `pack` wrote."""
        try:
            with np.load(io.BytesIO(content), allow_pickle=False) as stored:
                tensors: Arrays = {name: stored[name] for name in stored.files}
            view: NDArray[np.float32] = tensors.pop(_VIEW)
            x0, y0, width, height, source_width, source_height = map(float, view)
        except (ValueError, OSError, KeyError, zipfile.BadZipFile, EOFError) as error:
            raise DetectorError(f"{source}: expected an NPZ file with a view, got {error}") from error
        return tensors, View(x0, y0, width, height, int(source_width), int(source_height))


class Npz8(Npz):
    """Each tensor in bytes, evenly over its range in this picture, in a compressed NPZ file (deflate)."""

    _LEAST, _STEP = ".least", ".step"

    def pack(self, tensors: Arrays, picture: Picture) -> bytes:
        """Return the file's bytes; the least value and the step of each tensor are part of them."""
        stored: Arrays = {}
        for name, values in tensors.items():
            least = np.float32(values.min(initial=np.inf)) if values.size else np.float32(0)
            step = np.float32(max((values.max(initial=-np.inf) - least) / 255, 1e-12))
            stored[name] = np.rint((values - least) / step).clip(0, 255).astype(np.uint8)
            stored[name + self._LEAST], stored[name + self._STEP] = np.array(least), np.array(step)
        return super().pack(stored, picture)

    def unpack(self, content: bytes, source: str) -> tuple[Arrays, View]:
        """Read what `pack` wrote, float32."""
        stored, view = super().unpack(content, source)
        names = [name for name in stored if not name.endswith((self._LEAST, self._STEP))]
        try:
            return {
                name: stored[name] * stored[name + self._STEP] + stored[name + self._LEAST] for name in names
            }, view
        except KeyError as error:
            raise DetectorError(f"{source}: expected the range of each tensor, {error} is missing") from error


class Bitstream:
    """The latent as it is sent: quantised at a rate, key and delta frames, entropy coded.

    It starts from the latent before the network's own rounding, or coarser rates would round twice.
    """

    suffix = ".features"
    also: tuple[str, ...] = (UNROUNDED,)

    def __init__(self, core: Core, rate: str, tensor: str) -> None:
        """Code `tensor`, the latent of `core`."""
        tables = load_tables(core, rate)
        self._spec, self._rate, self._tensor = core.spec, rate, tensor
        self._encoder = BitstreamEncoder(core.spec, tables, rate)
        self._decoder = BitstreamDecoder([(core.spec, tables)])

    def pack(self, tensors: Arrays, picture: Picture) -> bytes:
        """Return the payload of one frame, without the bytes of its carriage."""
        return self._encoder.encode(
            self._spec.quantise(tensors.get(UNROUNDED, tensors[self._tensor])[0], self._rate),
            number=picture.number,
            pts=picture.number * CLOCK_RATE // _FPS,
            source_size=(picture.view.source_width, picture.view.source_height),
            force_key=picture.fresh,
        ).payload

    def unpack(self, content: bytes, source: str) -> tuple[Arrays, View]:
        """Decode a payload, after those before it."""
        try:
            frame = self._decoder.decode(content)
        except BitstreamError as error:
            raise DetectorError(f"{source}: {error}") from error
        view = View.letterbox(
            frame.source_width, frame.source_height, self._spec.input_width, self._spec.input_height
        )
        return {self._tensor: self._spec.dequantise(frame.symbols, frame.rate)}, view


def store_named(name: str, detector: Detector, tensors: Sequence[str], core: Core) -> Store:
    """Return the store of this name for the tensors of a cut; raises DetectorError where it does not fit."""
    if name in PLAIN_STORES:
        return Npz() if name == "npz" else Npz8()
    if name not in RATES:
        raise DetectorError(f"expected one of the stores {', '.join(STORES)}, got {name}")
    if list(tensors) != [detector.latent]:
        raise DetectorError(
            f"store {name} codes the latent alone ({detector.latent or 'this network names none'}), "
            f"the cut is at {', '.join(tensors)}; cut there, or use --store npz"
        )
    if detector.fingerprint != core.spec.fingerprint:
        raise DetectorError(
            f"store {name} codes the features of {core.spec.name} ({core.spec.fingerprint[:8]}), "
            f"the network's are {(detector.fingerprint or 'of no exported core')[:20]}; use --store npz"
        )
    return Bitstream(core, name, detector.latent or "")
