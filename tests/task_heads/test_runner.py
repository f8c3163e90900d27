"""The runner: state, reset, dt, settings, checks before and after the graph runs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from task_heads.manifest import HeadError
from task_heads.runner import HeadRunner, HeadSet, run_order

VIEW = np.array([0, 0, 1, 1, 64, 32], np.float32)


def features(value=1.0):
    return np.full((1, 2, 4, 8), value, np.float32)


def seconds(runner, dt):
    return float(runner.run(features(), VIEW, dt)["point"][0, 1])


def test_state_goes_round_and_reset_begins_again(write_head, small_spec):
    runner = HeadRunner(write_head(), small_spec)
    # The first frame has dt 0 whatever the caller measured.
    assert [seconds(runner, 0.25) for _ in range(3)] == [0.5, 0.75, 1.0]
    runner.reset()
    assert [seconds(runner, 0.25) for _ in range(2)] == [0.5, 0.75]


def test_state_is_not_among_the_outputs(write_head, small_spec):
    assert set(HeadRunner(write_head(), small_spec).run(features(), VIEW, 0.0)) == {"point"}


def test_settings_are_inputs(write_head, small_spec):
    runner = HeadRunner(write_head(), small_spec, settings={"gain": 0.25})
    assert runner.run(features(), VIEW, 0.0)["point"][0, 2] == 0.25
    runner.change("gain", 2.0)
    assert runner.run(features(), VIEW, 0.0)["point"][0, 2] == 2.0
    for value in (2.1, float("nan")):
        with pytest.raises(HeadError, match="expected gain from 0 to 2"):
            runner.change("gain", value)
    with pytest.raises(HeadError, match="expected one of the settings gain, got volume"):
        runner.change("volume", 1.0)


def test_wrong_shapes_and_times_are_programming_errors(write_head, small_spec):
    runner = HeadRunner(write_head(), small_spec)
    with pytest.raises(ValueError, match="expected features"):
        runner.run(np.zeros((2, 4, 8), np.float32), VIEW, 0.0)
    with pytest.raises(ValueError, match="expected dt"):
        runner.run(features(), VIEW, float("nan"))


def test_nan_is_refused_and_does_not_stay_in_the_state(write_head, small_spec):
    runner = HeadRunner(write_head(), small_spec)
    with pytest.raises(HeadError, match="holds NaN or infinity"):
        runner.run(features(np.inf), VIEW, 0.0)
    assert seconds(runner, 1.0) == 0.5


def test_another_fingerprint_is_refused(write_head, small_spec):
    with pytest.raises(HeadError, match="train the head on this core"):
        HeadRunner(write_head(), replace(small_spec, weights_sha256="1" * 64))


def test_a_changed_graph_is_refused(write_head, small_spec):
    folder = write_head()
    content = bytearray((folder / "head.onnx").read_bytes())
    content[-1] ^= 1
    (folder / "head.onnx").write_bytes(content)
    with pytest.raises(HeadError, match="sha256"):
        HeadRunner(folder, small_spec)
    (folder / "head.onnx").write_bytes(content[:-1])
    with pytest.raises(HeadError, match="bytes"):
        HeadRunner(folder, small_spec)
    (folder / "head.onnx").unlink()
    with pytest.raises(HeadError, match="missing"):
        HeadRunner(folder, small_spec)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda d: d["state"][0].update(shape=[2]), r"expected input seconds as float32 \[2\]"),
        (lambda d: d["inputs"].update(view=True), "input view is missing in the graph"),
        (lambda d: d.update(settings=[]), "input gain is not in the manifest"),
        (lambda d: d["outputs"][0].update(shape=[2, 4]), r"expected output point as float32 \[2, 4\]"),
    ],
)
def test_graph_and_manifest_must_agree(write_head, small_spec, change, words):
    with pytest.raises(HeadError, match=words):
        HeadRunner(write_head(change=change), small_spec)


def test_rubbish_with_the_right_hash_is_refused(write_head, small_spec):
    import hashlib
    import json

    folder = write_head()
    rubbish = b"not a graph"
    document = json.loads((folder / "head.json").read_text())
    document["model"].update(sha256=hashlib.sha256(rubbish).hexdigest(), size=len(rubbish))
    (folder / "head.json").write_text(json.dumps(document))
    (folder / "head.onnx").write_bytes(rubbish)
    with pytest.raises(HeadError, match="expected an ONNX model"):
        HeadRunner(folder, small_spec)


def test_a_head_gets_what_it_needs_from_the_same_frame(write_head, small_spec, needing_another):
    first = HeadRunner(write_head("first"), small_spec, settings={"gain": 0.125})
    second = HeadRunner(write_head("second", **needing_another("first")), small_spec)
    heads = HeadSet([second, first])
    assert heads.order == ["first", "second"]
    assert heads.run(features(), VIEW, 0.0)["second"]["point"][0, 2] == 0.125


def test_missing_and_circular_needs_are_refused(write_head, small_spec, needing_another):
    a = HeadRunner(write_head("a", **needing_another("b")), small_spec)
    b = HeadRunner(write_head("b", **needing_another("a")), small_spec)
    with pytest.raises(HeadError, match="head a needs head b, which is not there"):
        HeadSet([a])
    with pytest.raises(HeadError, match="circle: a -> b -> a"):
        run_order([a.manifest, b.manifest])


def test_a_needed_table_of_another_shape_is_refused(write_head, small_spec, needing_another):
    def wider(document):
        document["outputs"][0].update(shape=[1, 5], columns=["x", "y", "score", "valid", "more"])

    def wider_graph(model):
        model.graph.output[0].type.tensor_type.shape.dim[1].dim_value = 5
        model.graph.node[3].input.append("one")
        model.graph.initializer[2].int64_data[:] = [1, 5]

    first = HeadRunner(write_head("first", change=wider, change_graph=wider_graph), small_spec)
    second = HeadRunner(write_head("second", **needing_another("first")), small_spec)
    with pytest.raises(HeadError, match=r"takes point of head first as \[1, 4\], it gives \[1, 5\]; export"):
        HeadSet([first, second])


def test_an_output_that_is_not_there_is_named(write_head, small_spec, needing_another):
    def change(document):
        document["outputs"][0]["name"] = "place"
        document["draw"], document["statistics"] = [], []

    def change_graph(model):
        model.graph.output[0].name = model.graph.node[4].output[0] = "place"

    first = HeadRunner(write_head("first", change=change, change_graph=change_graph), small_spec)
    second = HeadRunner(write_head("second", **needing_another("first")), small_spec)
    with pytest.raises(HeadError, match="needs output point of head first, which has place"):
        HeadSet([first, second])


def test_an_unsafe_graph_is_never_loaded(write_head, small_spec):
    def loop(model):
        model.graph.node[0].op_type = "Loop"

    with pytest.raises(HeadError, match="operator Loop is not allowed"):
        HeadRunner(write_head(change_graph=loop), small_spec)
