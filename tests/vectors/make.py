"""Write the golden vectors of bitstream and carriage: `python -m tests.vectors.make`.

They are made of synthetic features, so that they outlive every core network. Run it only when the format
changes on purpose: the files that lie here are the promise to old recordings.
"""

from __future__ import annotations

import base64
import hashlib
import json
import random
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core_network.spec import RATES, FeatureSpec
from stream.bitstream import (
    BitstreamDecoder,
    BitstreamEncoder,
    BitstreamError,
    EntropyTables,
    FeatureFrame,
    fit_tables,
)
from stream.bitstream.header import checksum, seal
from stream.carriage import FEATURES_UUID, extract, insert

FOLDER = Path(__file__).parent
_SLICE = bytes.fromhex("00000001 6742c01f 00000001 68ce3c80 000001 65b804")


def synthetic_spec(shape: tuple[int, int, int], name: str) -> FeatureSpec:
    """Return a spec of this shape that belongs to no core network."""
    channels, height, width = shape
    return FeatureSpec(
        name=name,
        input_height=8 * height,
        input_width=8 * width,
        shape=shape,
        stride=8,
        symbol_max=15,
        steps={
            rate: tuple(step * (1 + 0.1 * channel) for channel in range(channels))
            for rate, step in zip(RATES, (0.3, 0.6, 1.1, 2.3), strict=True)
        },
        weights_sha256="00" * 32,
    )


def synthetic_latents(shape: tuple[int, int, int], frames: int, seed: int) -> NDArray[np.float32]:
    """Return latents [T, C, H, W] of small things that drift over a background which is nearly still."""
    channels, height, width = shape
    rng = np.random.default_rng(seed)
    background = rng.laplace(0, 0.12, shape)
    things = max(2, height * width // 140)
    looks = rng.laplace(0, 1.6, (things, channels, 2, 2)) * (rng.random((things, channels, 1, 1)) < 0.6)
    start, drift = rng.random((things, 2)) * (height - 1, width - 1), rng.normal(0, 0.3, (things, 2))
    latents = background + rng.normal(0, 0.06, (frames, *shape))
    for frame in range(frames):
        corners = np.clip(start + frame * drift, 0, (height - 1, width - 1)).astype(int)
        for look, (row, column) in zip(looks, corners, strict=True):
            latents[frame, :, row : row + 2, column : column + 2] += look[:, : height - row, : width - column]
    return latents.astype(np.float32)


def fitted(spec: FeatureSpec) -> EntropyTables:
    """Return tables fitted to other synthetic latents of the spec's shape."""
    scenes = [synthetic_latents(spec.shape, 12, seed) for seed in (1, 2)]
    return fit_tables((spec.quantise(scene, rate) for scene in scenes for rate in RATES), spec)


def text(raw: bytes) -> str:
    """Return bytes as the vectors hold them."""
    return base64.b64encode(raw).decode()


def described(frame: FeatureFrame, spec: FeatureSpec) -> dict[str, Any]:
    """Return what a decoder is to answer, arrays as sha256 of their little-endian bytes."""
    return {
        "number": frame.number,
        "pts": frame.pts,
        "sourceWidth": frame.source_width,
        "sourceHeight": frame.source_height,
        "rate": frame.rate,
        "key": frame.key,
        "reference": frame.reference,
        "fingerprint": frame.fingerprint,
        "symbols": hashlib.sha256(frame.symbols.tobytes()).hexdigest(),
        "features": hashlib.sha256(spec.dequantise(frame.symbols, frame.rate).tobytes()).hexdigest(),
    }


def outcome(decoder: BitstreamDecoder, payload: bytes, spec: FeatureSpec) -> dict[str, Any]:
    """Return what a decoder answers: a frame or the code of an error."""
    try:
        return {"frame": described(decoder.decode(payload), spec)}
    except BitstreamError as error:
        return {"error": error.code}


def bitstream_vectors(shape: tuple[int, int, int], name: str) -> dict[str, Any]:
    """Return a spec with tables, streams that decode, and payloads that must not."""
    spec = synthetic_spec(shape, name)
    tables = fitted(spec)
    latents = synthetic_latents(shape, 8, 7)
    latents[7] = 0
    streams: dict[str, list[bytes]] = {}
    for rate in RATES:
        encoder = BitstreamEncoder(spec, tables, rate, key_interval=5, anchor_interval=2)
        streams[rate] = [
            encoder.encode(
                symbols, number=65_534 + index, pts=8_589_934_592 + 3003 * index, source_size=(1920, 1080)
            ).payload
            for index, symbols in enumerate(spec.quantise(latent, rate) for latent in latents)
        ]
    known = [(spec, tables)]
    cases = []
    for rate, payloads in streams.items():
        decoder = BitstreamDecoder(known)
        cases += [
            {
                "name": f"{rate} {index}",
                "reset": index == 0,
                "payload": text(payload),
                **outcome(decoder, payload, spec),
            }
            for index, payload in enumerate(payloads)
        ]
    for case_name, payloads in hostile(spec, tables, streams).items():
        decoder = BitstreamDecoder(known)
        cases += [
            {
                "name": case_name,
                "reset": index == 0,
                "payload": text(payload),
                **outcome(decoder, payload, spec),
            }
            for index, payload in enumerate(payloads)
        ]
    answer = {
        "spec": spec.to_json(),
        "fingerprint": spec.fingerprint,
        "tables": [{"id": tables.id, "base64": text(tables.to_bytes())}],
    }
    return {"answer": answer, "cases": cases}


def hostile(
    spec: FeatureSpec, tables: EntropyTables, streams: dict[str, list[bytes]]
) -> dict[str, list[bytes]]:
    """Return named runs of payloads, each for a fresh decoder, the last one not what it should be."""
    key, delta, anchor, after_anchor, _, other_key, after_key = streams["low"][:7]
    same_number = BitstreamEncoder(spec, tables, "low").encode(
        np.zeros(spec.shape, np.int8), number=65_534, pts=0, source_size=(1920, 1080)
    )
    other_spec = synthetic_spec(spec.shape, "another core")
    other_tables = fit_tables([np.zeros((1, *spec.shape), np.int8)], spec)
    unknown = {
        "another spec": BitstreamEncoder(other_spec, tables, "low"),
        "other tables": BitstreamEncoder(spec, other_tables, "low"),
    }
    body = key[5:]
    runs = {
        "nothing": [b""],
        "one byte": [key[:1]],
        "another version": [b"\xf2" + key[1:]],
        "header alone": [key[:6]],
        "cut in the header": [key[:17]],
        "cut in the symbols": [key[:-1]],
        "one byte too many": [key + b"\0"],
        "a flipped bit": [key[:-3] + bytes((key[-3] ^ 1,)) + key[-2:]],
        "delta first": [delta],
        "delta of a lost key": [key, after_key],
        "delta of a lost anchor": [key, after_anchor],
        "delta of a damaged anchor": [key, anchor[:-1], after_anchor],
        "delta of the key after an anchor": [key, anchor, delta],
        "delta of an anchor decodes without the deltas between": [key, anchor, after_anchor],
        "a damaged anchor leaves the key": [key, anchor[:-1], delta],
        "delta of a key with the same number": [same_number.payload, delta],
        "delta of another rate's key": [streams["default"][0], delta],
        "delta after a damaged key": [key[:-1] + b"\0\0", delta],
        "delta after damaged bytes still decodes": [key, b"\xf1", anchor],
        "a key replaces the key": [key, other_key, delta],
        "no source width": [seal(body[:9] + body[9:].replace(b"\x80\x0f", b"\x80\0", 1), 0)],
        "number beyond 2**53": [seal(body[:9] + b"\xff" * 7 + b"\x7f" + body[12:], 0)],
        "number that does not end": [seal(body[:9] + b"\xff" * 9 + body[12:], 0)],
        "flags of another version": [seal(bytes((body[0] | 0x80,)) + body[1:], 0)],
        "a key that says it is an anchor": [seal(bytes((body[0] | 0x40,)) + body[1:], 0)],
    }
    for name, encoder in unknown.items():
        symbols = np.zeros(spec.shape, np.int8)
        runs[name] = [encoder.encode(symbols, number=0, pts=0, source_size=(64, 64)).payload]
    dice = random.Random(5)
    for case in range(24):
        # Resealed, so that the checksum fits and the damage reaches the symbols.
        damaged = bytearray(key if case % 2 else delta)[5:]
        for _ in range(dice.choice((1, 1, 3))):
            damaged[dice.randrange(len(damaged))] ^= 1 << dice.randrange(8)
        if dice.random() < 0.3:
            del damaged[dice.randrange(len(damaged)) :]
        runs[f"resealed {case}"] = (
            [seal(bytes(damaged), 0)] if case % 2 else [key, seal(bytes(damaged), checksum(key, 0))]
        )
    return runs


def carriage_vectors() -> list[dict[str, Any]]:
    """Return access units and the payloads that they carry, null where they carry none."""
    plain = _SLICE + b"\x11" * 40
    dice = random.Random(3)
    payloads = {
        "one byte": b"\x01",
        "emulation": b"\0\0\0\0\1\0\0\2\0\0\3\0\0\3\3\0\0",
        "zeros to the end of a chunk": b"\0" * 1132,
        "one byte into the second chunk": b"\x80" + b"\0" * 1132,
        "three chunks": dice.randbytes(2400),
    }
    units = {name: insert(plain, payload) for name, payload in payloads.items()}
    three = units["three chunks"]
    pieces = three.split(b"\0\0\0\1\x06")
    first, *rest = pieces[1:]
    last, slices = rest[-1].split(b"\0\0\1\x65", 1)
    seis = [b"\0\0\0\1\x06" + piece for piece in (first, *rest[:-1], last)]
    head, tail = pieces[0], b"\0\0\1\x65" + slices
    units |= {
        "no features": plain,
        "nothing": b"",
        "out of order": head + seis[2] + seis[0] + seis[1] + tail,
        "repeated": head + seis[0] + seis[0] + seis[1] + seis[2] + tail,
        "a chunk is missing": head + seis[0] + seis[2] + tail,
        "another UUID": units["one byte"].replace(FEATURES_UUID, FEATURES_UUID[::-1]),
        "with another UUID before": head
        + b"".join(seis).replace(FEATURES_UUID, FEATURES_UUID[::-1])
        + b"".join(seis)
        + tail,
        "three-byte start codes": three.replace(b"\0\0\0\1\x06", b"\0\0\1\x06"),
        "after the slice": plain + seis[0] + seis[1] + seis[2],
        "cut off": head + seis[0] + seis[1] + seis[2][:50],
    }
    return [
        {
            "name": name,
            "accessUnit": text(unit),
            "payload": None if (got := extract(unit)) is None else text(got),
        }
        for name, unit in units.items()
    ]


def main() -> None:
    """Write every vector file."""
    files = {
        "bitstream.json": bitstream_vectors((24, 44, 80), "synthetic"),
        "bitstream_odd.json": bitstream_vectors((6, 7, 9), "synthetic-odd"),
        "carriage.json": carriage_vectors(),
    }
    for name, document in files.items():
        (FOLDER / name).write_text(json.dumps(document, indent=0, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
