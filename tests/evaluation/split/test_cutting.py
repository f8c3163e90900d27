from __future__ import annotations

import numpy as np
import onnx
import pytest

from evaluation.split.convert import compare
from evaluation.split.cutting import CutError, candidates, cut, exposed, narrowest_map, subgraph
from evaluation.split.session import Session, example_feeds


def _sessions(parts):
    return [Session(part.SerializeToString()) for part in (parts.whole, parts.first, parts.second)]


def test_every_tensor_that_separates_gives_two_parts_that_are_the_whole_bit_for_bit(tiny):
    model = tiny()
    found = [candidate.name for candidate in candidates(model)]
    # `first` and `wide` lie before a Relu, with which onnxruntime would fuse the convolution.
    assert {"first", "active", "wide", "latent", "raw"} <= set(found)
    for name in found:
        differences = compare(*_sessions(cut(model, [name])))
        assert {one.output for one in differences} == {"detections", name}
        assert all(one.bit_exact and one.value == 0 for one in differences), name


def test_a_difference_is_seen_and_measured(tiny):
    parts = cut(tiny(), ["latent"])
    weight = next(tensor for tensor in parts.second.graph.initializer if tensor.name == "offset")
    moved = np.frombuffer(weight.raw_data, np.float32) + np.float32(0.25)
    weight.raw_data = moved.tobytes()
    worst = {one.output: one for one in compare(*_sessions(parts))}
    assert worst["detections"].value == pytest.approx(0.25, abs=1e-6)
    assert not worst["detections"].bit_exact and worst["latent"].bit_exact


def test_nan_on_one_side_alone_is_an_infinite_difference(tiny):
    parts = cut(tiny(), ["latent"])
    weight = next(tensor for tensor in parts.second.graph.initializer if tensor.name == "offset")
    weight.raw_data = np.full(7, np.nan, np.float32).tobytes()
    worst = {one.output: one for one in compare(*_sessions(parts))}
    assert worst["detections"].value == np.inf


def test_a_wrong_name_is_answered_with_names_that_work(tiny):
    with pytest.raises(CutError, match=r"no tensor latnt; did you mean latent\?.*latent \[1x8x2x3\]"):
        cut(tiny(), ["latnt"])
    with pytest.raises(CutError, match="no tensor named to cut at; .*latent"):
        cut(tiny(), [])
    with pytest.raises(CutError, match="no tensor image"):
        cut(tiny(), ["image"])


def test_a_cut_that_something_passes_by_is_refused_until_both_tensors_are_named(tiny):
    model = tiny(side_path=True)
    assert "latent" not in {candidate.name for candidate in candidates(model)}
    with pytest.raises(CutError, match="does not separate the graph: part 2 also needs the input image"):
        cut(model, ["latent"])
    differences = compare(*_sessions(cut(model, ["latent", "level"])))
    assert all(one.bit_exact for one in differences)


def test_outputs_that_need_no_second_part_stay_in_the_first(tiny):
    parts = cut(tiny(masks=True), ["latent"])
    assert [value.name for value in parts.first.graph.output] == ["latent", "masks"]
    assert [value.name for value in parts.second.graph.output] == ["detections"]


def test_an_output_is_no_place_to_cut(tiny):
    with pytest.raises(CutError, match="no output depends on detections"):
        cut(tiny(), ["detections"])


def test_the_exposed_tensor_is_put_out_beside_the_outputs(tiny):
    whole = Session(exposed(tiny(), ["latent"]).SerializeToString())
    outputs = whole.run(example_feeds(whole))
    assert list(outputs) == ["detections", "latent"] and outputs["latent"].shape == (1, 8, 2, 3)


def test_a_subgraph_without_what_it_needs_is_refused(tiny):
    with pytest.raises(CutError, match="detections needs image, which is neither an input nor computed"):
        subgraph(tiny(), [], ["detections"])


def test_the_narrowest_map_that_separates_is_found(tiny):
    found = narrowest_map(tiny())
    assert found.name == "raw" and found.elements == 42  # 8 x 2 x 3 of `latent` are more
    typed = onnx.shape_inference.infer_shapes(tiny(), data_prop=True)
    assert narrowest_map(subgraph(typed, ["image"], ["latent"])).name == "wide"
    with pytest.raises(CutError, match=r"expected a map \[1, C, h, w\] that separates the graph"):
        narrowest_map(subgraph(typed, ["raw"], ["detections"]))
