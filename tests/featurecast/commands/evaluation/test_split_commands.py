"""convert, infer, split-infer and models through the command line, on a network and pictures made here."""

from __future__ import annotations

import json

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from evaluation.split.detector import Detector, write_detector
from featurecast.cli import main

COLUMNS = ("x0", "y0", "x1", "y1", "score", "label", "valid")


@pytest.fixture
def network(tmp_path):
    """image [1, 8, 8, 3] -> latent -> one detection, saved as a file."""
    rng = np.random.default_rng(0)
    weights = {
        "w": rng.normal(0, 0.2, (4, 3, 8, 8)),
        "v": rng.normal(0, 0.2, (7, 4, 1, 1)),
        "scale": np.array([0.4, 0.4, 0.4, 0.4, 1.0, 0.0, 0.0]),
        "offset": np.array([0.0, 0.0, 0.5, 0.5, 0.0, 0.0, 1.0]),
    }
    nodes = [
        helper.make_node("Cast", ["image"], ["real"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["real"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("Conv", ["planes", "w"], ["wide"]),
        helper.make_node("Tanh", ["wide"], ["latent"]),
        helper.make_node("Conv", ["latent", "v"], ["raw"]),
        helper.make_node("Sigmoid", ["raw"], ["shares"]),
        helper.make_node("Reshape", ["shares", "flat"], ["table"]),
        helper.make_node("Mul", ["table", "scale"], ["scaled"]),
        helper.make_node("Add", ["scaled", "offset"], ["detections"]),
    ]
    graph = helper.make_graph(
        nodes,
        "one",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, [1, 8, 8, 3])],
        [helper.make_tensor_value_info("detections", TensorProto.FLOAT, [1, 7])],
        [numpy_helper.from_array(value.astype(np.float32), name) for name, value in weights.items()]
        + [numpy_helper.from_array(np.array([1, 7]), "flat")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    write_detector(model, Detector(COLUMNS, ("cat",), "latent"))
    path = tmp_path / "net.onnx"
    onnx.save(model, path)
    return path


@pytest.fixture
def dataset(tmp_path):
    """FORM:PATH of two pictures with YOLO labels."""
    root = tmp_path / "yolo"
    (root / "images").mkdir(parents=True)
    (root / "labels").mkdir()
    rng = np.random.default_rng(2)
    for name in ("a", "b"):
        Image.fromarray(rng.integers(0, 256, (20, 30, 3), np.uint8)).save(root / "images" / f"{name}.png")
        (root / "labels" / f"{name}.txt").write_text("0 0.5 0.5 0.4 0.4\n")
    return ["--dataset", f"yolo:{root}", "--labels", "cat"]


def _run(*arguments):
    return main(["evaluate", *map(str, arguments)])


def test_convert_writes_two_parts_that_are_the_whole(network, tmp_path, capsys):
    figures = tmp_path / "figures.json"
    assert _run("convert", network, "--cut", "latent", "-o", tmp_path / "out", "--json", figures) == 0
    assert "max abs difference: 0" in capsys.readouterr().out
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "part1.onnx", "part2.onnx", "whole.onnx",
    ]  # fmt: skip
    stored = json.loads(figures.read_text())
    assert stored["equal"] and stored["part1"]["parameters"] == 4 * 3 * 64


def test_convert_lists_where_to_cut_and_refuses_other_names(network, tmp_path, capsys):
    assert _run("convert", network, "--cuts") == 0
    assert "latent" in capsys.readouterr().out
    assert _run("convert", network, "--cut", "latnt", "-o", tmp_path / "out") == 2
    assert "did you mean latent?" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_convert_leaves_nothing_where_parts_differ(network, tmp_path, capsys, monkeypatch):
    from evaluation.split.convert import Difference

    monkeypatch.setattr(
        "featurecast.commands.evaluation.convert.compare", lambda *_: [Difference("detections", 0.5, False)]
    )
    assert _run("convert", network, "--cut", "latent", "-o", tmp_path / "out") == 1
    assert "above the tolerance of 0: nothing written" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    assert _run("convert", network, "--cut", "latent", "-o", tmp_path / "out", "--tolerance", "0.5") == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["gone.onnx", "-o", "x"], "gone.onnx: expected an ONNX file, found none"),
        (["unknown", "-o", "x"], "one of the networks shipped, player, core"),
        (["player", "only.pt", "-o", "x"], "expects CORE.pt HEAD.pt, got only.pt"),
        (["shipped"], "expected -o DIR for the graphs, or --cuts"),
    ],
)
def test_convert_says_what_it_expected(arguments, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert _run("convert", *arguments) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert message in error
    assert not (tmp_path / "x").exists()


def test_a_file_that_is_no_graph_is_one_line(tmp_path, capsys):
    (tmp_path / "text.onnx").write_text("hello")
    assert _run("convert", tmp_path / "text.onnx", "-o", tmp_path / "out") == 2
    assert "text.onnx: expected an ONNX graph" in capsys.readouterr().err


def test_split_infer_predicts_what_infer_predicts(network, dataset, tmp_path, capsys):
    whole, split, figures = tmp_path / "whole", tmp_path / "split", tmp_path / "figures.json"
    assert _run("infer", "--model", network, *dataset, "-o", whole, "--least-score", 0) == 0
    assert _run(
        "split-infer", "--model", network, *dataset, "-o", split, "--least-score", 0, "--json", figures
    ) == 0  # fmt: skip
    written = sorted(path.relative_to(whole) for path in whole.rglob("*.txt"))
    assert len(written) == 2
    for path in written:
        assert (whole / path).read_text() == (split / "predictions" / path).read_text() != ""
    stored = json.loads(figures.read_text())
    assert stored["clips"][0]["bytes_per_image"] > 0 and stored["memory_mb"]["part1"] > 0
    assert "bytes per image" in capsys.readouterr().out


def test_a_network_without_masks_or_without_our_latent_is_refused(network, dataset, tmp_path, capsys):
    assert _run("infer", "--model", network, *dataset, "-o", tmp_path / "o", "--mask", tmp_path / "m") == 2
    assert "--mask needs a network with the output masks" in capsys.readouterr().err
    assert _run("split-infer", "--model", network, *dataset, "-o", tmp_path / "o", "--store", "low") == 2
    assert "use --store npz" in capsys.readouterr().err
    assert not (tmp_path / "o").exists()


def test_models_has_a_row_for_another_network(network, tmp_path, capsys):
    figures = tmp_path / "figures.json"
    assert _run(
        "models", "--models", "ours", "--also", f"rival={network}", "--runs", 1, "--json", figures
    ) == 0  # fmt: skip
    rows = {row["name"]: row for row in json.loads(figures.read_text())["models"]}
    assert rows["rival"]["parameters"] == 4 * 3 * 64 + 7 * 4
    assert "| rival" in capsys.readouterr().out


@pytest.mark.parametrize("command", [("models", "--runs", 1), ("table",)])
def test_a_row_that_is_not_there_is_refused_before_anything_is_measured(
    command, tmp_path, capsys, monkeypatch
):
    for module in ("models", "table"):
        name = f"featurecast.commands.evaluation.{module}.cost_of"
        monkeypatch.setattr(name, lambda *_, **__: pytest.fail("measured first"))
    monkeypatch.setattr("featurecast.commands.evaluation.table.root", lambda _: tmp_path)
    monkeypatch.setattr("featurecast.commands.evaluation.table.our_data", lambda _: [])
    assert _run(*command, "--models", "ours", "--also", f"rival={tmp_path / 'no.onnx'}") == 2
    error = capsys.readouterr().err
    assert "rival: " in error and "expected an ONNX file" in error


@pytest.mark.parametrize(
    "command", ["convert", "infer", "split-infer", "models", "table", "rate-accuracy"]
)  # fmt: skip
def test_every_command_explains_itself_and_takes_json(command, capsys):
    with pytest.raises(SystemExit) as done:
        _run(command, "--help")
    assert done.value.code == 0
    assert "--json FILE" in capsys.readouterr().out
