from __future__ import annotations

import numpy as np
import pytest

from core_network.prepare import View
from evaluation.split.detector import (
    KEY,
    Detector,
    DetectorError,
    detections_of,
    read_detector,
    write_detector,
)

DETECTOR = Detector(("x0", "y0", "x1", "y1", "score", "label", "valid"), ("cat", "dog"))
VIEW = View(0.0, 0.0, 1.0, 1.0, 200, 100)


def _table(*rows):
    return np.array(rows, np.float32)


def test_the_meaning_goes_through_the_model(tiny):
    model = tiny()
    write_detector(model, DETECTOR)
    stored = {entry.key: entry.value for entry in model.metadata_props}
    assert read_detector(stored[KEY], "here") == DETECTOR
    assert sum(entry.key == KEY for entry in model.metadata_props) == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "net.onnx: expected a network that names its columns and labels .* found none"),
        ("{", "net.onnx: its metadata featurecast cannot be read"),
        ('{"columns": ["x0"]}', "net.onnx: its metadata featurecast cannot be read .*labels"),
        ('{"columns": ["x0"], "labels": []}', "it lacks y0, x1, y1, score"),
    ],
)
def test_a_network_without_its_meaning_is_refused(text, message):
    with pytest.raises(DetectorError, match=message):
        read_detector(text, "net.onnx")


def test_rows_become_boxes_of_the_source_best_first():
    found = detections_of(
        DETECTOR,
        _table(
            [0.1, 0.2, 0.3, 0.4, 0.5, 0, 1],
            [0.0, 0.0, 1.0, 1.0, 0.9, 1, 1],
            [0.0, 0.0, 1.0, 1.0, 0.8, 1, 0],  # not valid
            [0.0, 0.0, 1.0, 1.0, 0.1, 1, 1],  # too low
            [0.6, 0.0, 0.5, 1.0, 0.7, 1, 1],  # corners the wrong way round
            [0.0, 0.0, 0.5, 0.5, 0.6, 9, 1],  # a label beyond the last
        ),
        VIEW,
        0.3,
    )
    assert found.labels == ["dog", "dog", "cat"]
    assert found.rows.tolist() == [1, 5, 0]
    np.testing.assert_allclose(found.boxes[2], [20, 20, 60, 40], rtol=1e-6)
    np.testing.assert_allclose(found.scores, [0.9, 0.6, 0.5], rtol=1e-6)


def test_no_row_is_no_detection():
    found = detections_of(DETECTOR, np.zeros((0, 7), np.float32), VIEW, 0.0)
    assert found.labels == [] and found.boxes.shape == (0, 4)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_numbers_that_are_not_finite_are_refused(value):
    with pytest.raises(DetectorError, match="expected finite numbers, got NaN or infinity"):
        detections_of(DETECTOR, _table([0, 0, 1, 1, value, 0, 1]), VIEW, 0.0)


def test_a_table_of_another_width_is_refused():
    with pytest.raises(DetectorError, match=r"expected 7 columns .* got a table of shape \[1, 3\]"):
        detections_of(DETECTOR, _table([0, 0, 1]), VIEW, 0.0)
