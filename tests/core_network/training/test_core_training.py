"""Targets, losses, resuming, and agreement of the trained, exported and served graphs."""

from __future__ import annotations

import dataclasses
import io
import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch", reason="training needs the extra: pip install 'featurecast[train]'")

from core_network.catalogue import load_core  # noqa: E402
from core_network.encoder import Encoder  # noqa: E402
from core_network.motion import PLANES, grey, with_motion  # noqa: E402
from core_network.training import imagenet, train  # noqa: E402
from core_network.training.augment import full_view, random_view, sheet_view  # noqa: E402
from core_network.training.config import Stage, TrainingConfig  # noqa: E402
from core_network.training.export import export_core, export_float, load_trained_core  # noqa: E402
from core_network.training.losses import RateModel, box_from_maps, focal_loss, task_loss  # noqa: E402
from core_network.training.network import Architecture, CoreNetwork, normalise  # noqa: E402
from core_network.training.stills import Still, load_football  # noqa: E402
from core_network.training.targets import make_targets  # noqa: E402
from core_network.training.train import train_core  # noqa: E402
from core_network.training.trainee import picture_loss, quantised  # noqa: E402
from core_network.training.validation import decode_balls, decode_people  # noqa: E402

SMALL = Architecture(stem=4, widths=(4, 6, 8, 8), depths=(1, 1, 1, 1), pyramid=8, fine=4, channels=6)


def _stills(count: int = 4) -> list[Still]:
    rng = np.random.default_rng(3)
    stills = []
    for index in range(count):
        picture = rng.integers(0, 255, (180, 320, 3), np.uint8)
        x, y = rng.integers(40, 200), rng.integers(30, 100)
        picture[y : y + 50, x : x + 20] = (250, 20, 20)
        box = np.array([[x, y, x + 20, y + 50]], np.float32)
        stills.append(Still(f"made-{index}", picture, box, np.array([[x + 60.0, y + 10.0]], np.float32)))
    return stills


def test_maps_that_say_the_truth_decode_to_the_truth() -> None:
    people = np.array([[100, 60, 120, 110], [300, 200, 330, 260]], np.float32)
    target = make_targets(people, np.array([[205.0, 77.0]], np.float32), 352, 640)
    maps = torch.full((5, 88, 160), -9.0)
    maps[0] = torch.logit(torch.from_numpy(target.heat).clamp(1e-4, 1 - 1e-4))
    boxes = torch.from_numpy(target.boxes)
    ys, xs = torch.meshgrid(torch.arange(88.0), torch.arange(160.0), indexing="ij")
    maps[1], maps[2] = (boxes[0] + boxes[2]) / 2 - xs, (boxes[1] + boxes[3]) / 2 - ys
    maps[3], maps[4] = (boxes[2] - boxes[0]).clamp(min=0.1).log(), (boxes[3] - boxes[1]).clamp(min=0.1).log()
    found = decode_people(maps)
    found = found[found[:, 4] > 0.9]
    assert np.allclose(found[np.argsort(found[:, 0]), :4], people, atol=1e-3)
    ball = torch.stack(
        [torch.logit(torch.from_numpy(target.ball_heat).clamp(1e-4, 1 - 1e-4)), *torch.zeros(2, 88, 160)]
    )
    ball[1:] = torch.from_numpy(target.ball_centre) - torch.stack([xs, ys]) * torch.from_numpy(
        target.ball_weight
    )
    assert np.allclose(decode_balls(ball, 1)[0, :2], (205, 77), atol=1e-3)


def test_people_in_places_side_by_side_are_two_and_boxes_that_agree_are_averaged() -> None:
    maps = torch.full((5, 88, 160), -9.0)
    maps[3:] = 0.0

    def put(row: int, column: int, score: float, x: float, y: float) -> None:
        """One box 8 x 24 px around x, y, as the place (row, column) says it."""
        values = (math.log(score / (1 - score)), x / 4 - column, y / 4 - row, math.log(2), math.log(6))
        maps[:, row, column] = torch.tensor(values)

    put(20, 30, 0.9, 120, 84)
    put(20, 31, 0.8, 129, 84)  # somebody else, beside
    put(21, 30, 0.6, 120, 85)  # the first once more, a pixel lower
    found = decode_people(maps)
    assert np.allclose(found[:, 4], (0.9, 0.8))
    lower = 0.6**2 / (0.6**2 + 0.9**2)
    assert np.allclose(found[:, :4], [(116, 72 + lower, 124, 96 + lower), (125, 72, 133, 96)], atol=1e-3)


def test_pictures_without_labels_cost_nothing_for_that_task() -> None:
    logits, heat = torch.randn(2, 5, 5), torch.zeros(2, 5, 5)
    assert focal_loss(logits, heat, torch.zeros(2)) == 0
    assert focal_loss(logits, heat, torch.ones(2)) > 0


def test_a_doubtful_person_costs_nothing_whatever_is_said() -> None:
    known = torch.ones(1)
    doubtful = np.array([[100, 60, 120, 110]], np.float32)
    heat = torch.from_numpy(make_targets(np.zeros((0, 4), np.float32), None, 352, 640, doubtful).heat)[None]
    silent = torch.full((1, 88, 160), -9.0)
    claimed = silent.clone()
    claimed[0, 20, 27] = 5.0  # inside the box
    assert abs(float(focal_loss(claimed, heat, known) - focal_loss(silent, heat, known))) < 1e-4
    claimed[0, 60, 27] = 5.0  # elsewhere
    assert focal_loss(claimed, heat, known) > 1


def test_a_stage_that_imitates_asks_for_its_teacher(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="expected a teacher"):
        train_core(_config(tmp_path), {"made": _stills()}, {})


def test_the_picture_counts_more_where_people_are() -> None:
    kept, picture, people = torch.zeros(1, 3, 4, 4), torch.zeros(1, 3, 4, 4), torch.zeros(1, 4, 4)
    people[0, 1, 1] = 1.0
    on_a_person, elsewhere = kept.clone(), kept.clone()
    on_a_person[0, :, 1, 1], elsewhere[0, :, 3, 3] = 1.0, 1.0
    losses = [picture_loss(value, picture, people) for value in (on_a_person, elsewhere)]
    assert losses[0] == pytest.approx(5 * losses[1])


def test_a_better_box_costs_less() -> None:
    target = make_targets(np.array([[100, 60, 120, 110]], np.float32), None, 352, 640)
    batch = {
        f.name: torch.from_numpy(np.asarray(getattr(target, f.name), np.float32))[None]
        for f in dataclasses.fields(target)
    }
    ball = torch.zeros(1, 3, 88, 160)
    costs = []
    for width in (12.5, 5.0):
        maps = torch.zeros(1, 5, 88, 160)
        maps[:, 0] = -5
        maps[:, 1:3] = 0.25
        maps[:, 3], maps[:, 4] = float(np.log(width)), float(np.log(12.5))
        costs.append(task_loss(maps, ball, batch)[1]["box"])
    assert costs[1] < costs[0]
    assert box_from_maps(maps).shape == (1, 4, 88, 160)


def test_the_rate_model_is_a_probability_and_cheap_where_mass_lies() -> None:
    model = RateModel(2)
    symbols = torch.arange(-40.0, 41.0).view(1, 1, -1, 1).expand(1, 2, -1, 1)
    mass = (2 ** -model.bits(symbols)).sum(1)
    assert torch.allclose(mass, torch.ones_like(mass), atol=2e-3)


def test_rounding_passes_the_gradient() -> None:
    latent = torch.tensor([0.3, -1.2, 2.6], requires_grad=True)
    rounded = quantised(latent, 0.5)
    rounded.sum().backward()
    assert torch.allclose(rounded, torch.tensor([0.5, -1.0, 2.5])) and torch.equal(latent.grad, torch.ones(3))


def test_views_move_the_truth_with_the_picture() -> None:
    rng = np.random.default_rng(1)
    for still in _stills():
        for sample in (
            full_view(still, 640, 352, flip=True),
            *(random_view(still, 640, 352, rng, 0.4) for _ in range(6)),
        ):
            for x0, y0, x1, y1 in sample.people:
                patch = (
                    sample.planes[int(y0) + 3 : int(y1) - 3, int(x0) + 3 : int(x1) - 3]
                    .reshape(-1, PLANES)
                    .astype(int)
                )
                if len(patch) > 20:
                    assert np.median(patch[:, 0]) > 200 and np.median(patch[:, 1]) < 60


def test_a_sheet_shows_each_ball_where_its_truth_says() -> None:
    rng = np.random.default_rng(4)
    seen = 0
    for _ in range(6):
        stills = [_one_ball(rng.random(2) * (1200, 640) + 40) for _ in range(4)]
        sample = sheet_view(stills, 640, 352, rng)
        assert sample.planes.shape == (352, 640, PLANES) and sample.people is None
        bright = sample.planes[..., :3].min(-1) > 128
        seen += len(sample.balls)
        for x, y in sample.balls.astype(int):
            assert bright[max(0, y - 2) : y + 3, max(0, x - 2) : x + 3].any()
            bright[max(0, y - 9) : y + 10, max(0, x - 9) : x + 10] = False
        assert not bright.any()
    assert seen >= 6


def _one_ball(at: np.ndarray) -> Still:
    """Return a dark picture with a white ball."""
    picture = np.zeros((720, 1280, 3), np.uint8)
    x, y = at.astype(int)
    picture[y - 5 : y + 6, x - 5 : x + 6] = 255
    return Still("ball", picture, None, np.array([[x, y]], np.float32))


def test_a_stage_looks_at_motion_once_however_often_it_is_resumed(tmp_path: Path) -> None:
    still, mix = {"made": _stills()}, {"made": 1.0}
    config = dataclasses.replace(_config(tmp_path), stages=(Stage("free", 1, 0.0, mix, motion_gain=4.0),))
    torch.manual_seed(config.seed)
    before = CoreNetwork(SMALL).stem[0][0].weight
    for _ in range(2):
        after, _ = load_trained_core(train_core(config, still, {"made": still["made"][:1]}, resume=True))
        assert torch.allclose(after.stem[0][0].weight, before * torch.tensor([1, 1, 1, 4, 4])[:, None, None])


class _EighthOfColours(torch.nn.Module):
    """Stands for the network that is imitated: the picture at 1/8 size, as often as it has channels."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.avg_pool2d(x, 8).repeat(1, 11, 1, 1)[:, : imagenet.CHANNELS]


def _config(output: Path) -> TrainingConfig:
    mix = {"made": 1.0}
    stages = (
        Stage("free", 3, 1e-3, mix),
        Stage("rate", 3, 1e-3, mix, hard_share=0.5, rate_weight=0.1, imitation=1.0, reconstruction=1.0),
    )
    return TrainingConfig("small", 1, output, output, output, 2, (352, 640), SMALL, stages)


def test_a_resumed_run_ends_where_an_unbroken_one_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.set_num_threads(1)
    stills, teacher = _stills(), _EighthOfColours()
    monkeypatch.setattr(train, "HARD_SOURCES", ("made",))
    checkpoint = train_core(_config(tmp_path / "whole"), {"made": stills}, {"made": stills[:1]}, teacher)
    whole = torch.load(checkpoint, weights_only=False)
    broken = _config(tmp_path / "broken")
    first = dataclasses.replace(broken, stages=broken.stages[:1])
    train_core(first, {"made": stills}, {"made": stills[:1]}, teacher)
    resumed = torch.load(
        train_core(broken, {"made": stills}, {"made": stills[:1]}, teacher, resume=True), weights_only=False
    )
    assert resumed["step"] == whole["step"] == 6
    for name, value in whole["average"].items():
        assert torch.allclose(value.float(), resumed["average"][name].float(), atol=1e-5), name


def test_trained_exported_and_served_graphs_agree(tmp_path: Path) -> None:
    import onnxruntime as ort

    torch.manual_seed(2)
    core = CoreNetwork(SMALL).eval()
    core.bottleneck.weight.data *= 8
    stills = _stills(6)
    export_float(core, tmp_path / "float.onnx")
    images = [full_view(still, 640, 352).planes[..., :3] for still in stills[:4]]
    exported = ort.InferenceSession(str(tmp_path / "float.onnx"))
    spec = export_core(core, "small", tmp_path / "core", stills)
    encoder = Encoder(load_core(tmp_path / "core"))
    for index, image in enumerate(images):
        # The first frame and the cut before the third have no past; the others see what came before.
        fresh = index in (0, 2)
        planes = with_motion(image, grey(image), [] if fresh else [grey(images[index - 1])])
        x = normalise(torch.from_numpy(planes).permute(2, 0, 1)[None])
        with torch.no_grad():
            trained = core(x)[0].numpy()
        (latent,) = exported.run(None, {"x": x.numpy()})
        assert np.abs(trained - latent[0]).max() < 1e-3
        served = encoder.latent(image, fresh=fresh)
        a, b = spec.quantise(trained, "default").astype(int), spec.quantise(served, "default").astype(int)
        assert (a == b).mean() >= 0.97 and np.abs(a - b).max() <= 1
        past = [] if fresh else [images[index - 1]]
        assert np.array_equal(encoder.latent_after(image, past), served)


def test_a_made_past_moves_the_ball_and_stays_a_picture() -> None:
    rng = np.random.default_rng(2)
    for still in _stills():
        for _ in range(8):
            sample = random_view(still, 640, 352, rng, full_share=1.0)
            assert sample.planes.shape == (352, 640, PLANES)
    still = Still("named", _jpeg(120), None, None, tuple(_jpeg(v) for v in (40, 90)))
    sample = full_view(still, 640, 352)
    # 128 + 120 - 40 and 128 + 120 - 90
    assert np.allclose(sample.planes[..., 3:5].mean((0, 1)), (208, 158), atol=3)


def _jpeg(level: int) -> bytes:
    target = io.BytesIO()
    Image.new("RGB", (320, 180), (level,) * 3).save(target, "JPEG")
    return target.getvalue()


def test_report_never_enters_training(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="report split enters no training"):
        load_football(tmp_path, ("train", "report"))


def test_unknown_keys_in_the_yaml_are_named(tmp_path: Path) -> None:
    text = "name: x\nseed: 1\noutput: o\nprocedural: p\npseudo_labelled: q\nbatch: 2\ninput: [352, 640]\n"
    text += "architecture: {}\nstages: []\nspeed: 3\n"
    (tmp_path / "core.yaml").write_text(text)
    with pytest.raises(ValueError, match="speed"):
        TrainingConfig.load(tmp_path / "core.yaml")


def test_a_checkpoint_gives_the_averaged_core(tmp_path: Path) -> None:
    stills = _stills(2)
    config = dataclasses.replace(_config(tmp_path), stages=_config(tmp_path).stages[:1])
    checkpoint = train_core(config, {"made": stills}, {"made": stills[:1]})
    core, record = load_trained_core(checkpoint)
    assert record["stages"][0]["steps"] == 3
    assert not core.training and core.architecture == SMALL
