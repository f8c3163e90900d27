"""The golden vectors: old payloads decode for ever, in every language alike."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from core_network.spec import RATES, FeatureSpec
from stream.bitstream import BitstreamDecoder, BitstreamEncoder, EntropyTables
from tests.vectors.make import outcome


@pytest.mark.parametrize("name", ["bitstream.json", "bitstream_odd.json"])
def test_golden_payloads(name: str, repository: Path) -> None:
    vectors = json.loads((repository / "tests" / "vectors" / name).read_text())
    answer = vectors["answer"]
    spec = FeatureSpec.from_json(answer["spec"])
    assert spec.fingerprint == answer["fingerprint"]
    stored = answer["tables"][0]
    tables = EntropyTables.from_bytes(base64.b64decode(stored["base64"]))
    assert tables.id == stored["id"]
    decoder = BitstreamDecoder([(spec, tables)])
    assert len(vectors["cases"]) > 40
    for case in vectors["cases"]:
        if case["reset"]:
            decoder.reset()
        expected = {kind: case[kind] for kind in ("frame", "error") if kind in case}
        assert outcome(decoder, base64.b64decode(case["payload"]), spec) == expected, case["name"]


@pytest.mark.parametrize("name", ["bitstream.json", "bitstream_odd.json"])
def test_encoding_what_golden_payloads_hold_gives_the_same_bytes(name: str, repository: Path) -> None:
    vectors = json.loads((repository / "tests" / "vectors" / name).read_text())
    answer = vectors["answer"]
    spec = FeatureSpec.from_json(answer["spec"])
    tables = EntropyTables.from_bytes(base64.b64decode(answer["tables"][0]["base64"]))
    decoder, again = BitstreamDecoder([(spec, tables)]), {}
    for case in vectors["cases"]:
        rate, _, index = case["name"].partition(" ")
        if rate not in RATES or not index.isdecimal():
            continue
        payload = base64.b64decode(case["payload"])
        frame = decoder.decode(payload)
        if frame.rate not in again:
            again[frame.rate] = BitstreamEncoder(spec, tables, frame.rate, anchor_interval=2)
        encoded = again[frame.rate].encode(
            frame.symbols,
            number=frame.number,
            pts=frame.pts,
            source_size=(frame.source_width, frame.source_height),
            force_key=frame.key,
        )
        assert encoded.payload == payload, case["name"]
    assert set(again) == set(RATES)
