"""What the player head is taught, and how it begins with the core's probe."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs torch: pip install 'featurecast[train]'")

from core_network.catalogue import default_core  # noqa: E402
from core_network.prepare import View  # noqa: E402
from core_network.training.network import ProbeHeads  # noqa: E402
from task_heads.dataset import FrameTruth, Record  # noqa: E402
from task_heads.player_tracking.network import KIT, PATCH, PlayerHead  # noqa: E402
from task_heads.training.pictures import kit_colours  # noqa: E402
from task_heads.training.player_targets import kit_targets, player_loss, player_target  # noqa: E402
from task_heads.training.warm_start import load_probe, warm_start  # noqa: E402

torch.set_num_threads(1)  # small tensors: a second thread only waits

SPEC = default_core().spec


def record(kits=None):
    view = View.letterbox(1280, 704, SPEC.input_width, SPEC.input_height).as_array()
    boxes = np.array([[300, 300, 330, 380], [700, 200, 725, 270]], np.float32)
    symbols = np.random.default_rng(3).integers(-2, 3, SPEC.shape).astype(np.int8)
    return Record(
        symbols, "default", view, "x", 0, "train", FrameTruth(boxes, ("player", "referee"), None, kits)
    )


def one_picture():
    """Return what the loss takes of one picture: features and targets."""
    example = record(np.full((2, 6), 100, np.uint8))
    features = torch.from_numpy(SPEC.dequantise(example.symbols, "default"))
    target = {name: torch.from_numpy(value[None]) for name, value in player_target(example, SPEC).items()}
    return features, target


def test_kits_are_the_colours_of_shirt_and_shorts():
    picture = np.full((200, 200, 3), (20, 120, 30), np.uint8)
    picture[60:95, 90:110], picture[96:130, 90:110] = (220, 10, 20), (250, 250, 250)
    colours = kit_colours(picture, np.array([[85, 45, 115, 145]], np.float32))
    np.testing.assert_array_equal(colours, [[220, 10, 20, 250, 250, 250]])
    red, white = kit_targets(colours)[0, :3], kit_targets(colours)[0, 3:]
    np.testing.assert_allclose(white, [750 / 255 / 1.5 - 1, 0, 0], atol=1e-6)
    assert red[1] > 1.5


def test_kits_at_the_edge_of_the_picture_are_colours_too():
    picture = np.full((50, 60, 3), 90, np.uint8)
    boxes = np.array([[-4, -9, 2, 5], [58, 44, 70, 66], [59.5, 49.5, 59.6, 49.6]], np.float32)
    np.testing.assert_array_equal(kit_colours(picture, boxes), np.full((3, 6), 90))


def test_every_place_tells_of_its_own_person():
    kits = np.array([[200, 0, 0] * 2, [0, 0, 200] * 2], np.uint8)
    target = player_target(record(kits), SPEC)
    places = target["places"][target["places"][:, 6] > 0]
    left = places[:, 0] < 300 / 1280 * 160 + 10
    assert left.any()
    assert (~left).any()
    assert set(places[left, 7]) == {0}
    assert set(places[~left, 7]) == {2}
    np.testing.assert_allclose(places[left, 8:], kit_targets(kits)[:1].repeat(left.sum(), 0))
    np.testing.assert_allclose(places[left, 2:6] * 8, [[300, 300, 330, 380]] * left.sum(), atol=0.01)
    assert np.isnan(player_target(record(), SPEC)["places"][0, 8:]).all()


def test_the_loss_falls_on_one_picture():
    torch.manual_seed(1)
    head = PlayerHead(SPEC.shape, 16)
    features, target = one_picture()
    optimiser = torch.optim.Adam(head.parameters(), 0.01)
    losses = []
    for _ in range(25):
        loss, _ = player_loss(head, features, target)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]


def test_the_heat_is_drawn_towards_what_the_probe_says():
    """Somebody whom only the probe claims, and a labelled one whom it does not see."""
    torch.manual_seed(5)
    head = PlayerHead(SPEC.shape, 16)
    features, target = one_picture()
    maps = []

    def keep(_module, _inputs, output):
        output.retain_grad()
        maps.append(output)

    head.net.last.register_forward_hook(keep)
    claimed = torch.full((1, 20, *SPEC.shape[1:]), -6.0)
    claimed[0, 0, 5, 70] = 4.0
    for taught in ({}, {"probe": claimed}):
        player_loss(head, features, {**target, **taught})[0].backward()
    alone, both = (each.grad[0, 0, 5, 70] for each in maps)
    assert alone > 0
    assert both < 0
    labelled = target["heat"][0] >= 1
    alone, both = (torch.pixel_shuffle(each.grad, 2)[0, 0][labelled] for each in maps)
    assert (alone < both).all()


def test_a_role_is_told_by_how_somebody_differs_from_the_others():
    """The same patch among others like it, and among others: only its role changes with the crowd."""
    torch.manual_seed(2)
    net = PlayerHead(SPEC.shape, 16).net.eval()
    mine, other = torch.randn(2, 1, PATCH[0] * PATCH[1] * SPEC.shape[0])
    told = []
    for others in (mine, other):
        patches = torch.cat([mine, others.expand(5, -1)])
        with torch.no_grad():
            told.append(
                net.read(patches, torch.zeros(6, 16), torch.zeros(6, 2), torch.full((1, 6), 1 / 6))[0]
            )
    same = [0, 1, 2, 3, *range(7, 7 + KIT)]
    torch.testing.assert_close(told[0][same], told[1][same])
    assert (told[0][4:7] - told[1][4:7]).abs().max() > 1e-4


@pytest.fixture
def probe(tmp_path):
    """A probe whose channels repeat each other, so that half of them say everything, and its checkpoint."""
    torch.manual_seed(4)
    probes = ProbeHeads(SPEC.shape[0]).eval()
    state = probes.state_dict()
    for name, value in state.items():
        if name.startswith("people.") and value.dim() and not name.startswith("people.5."):
            value[32:] = value[:32]
        if name.endswith("running_var"):
            value.fill_(0.5)
    path = tmp_path / "checkpoint.pt"
    torch.save({"average": {f"probes.{name}": value for name, value in state.items()}}, path)
    return probes, path


@pytest.mark.parametrize("width", [64, 32])
def test_a_head_begins_with_what_the_probe_says(probe, width):
    probes, path = probe
    head = PlayerHead(SPEC.shape, width).eval()
    features = torch.randn(2, *SPEC.shape)
    warm_start(head, path, "people", features)
    with torch.no_grad():
        wanted = probes.people(features)
        maps, _ = head.net(features)
        assert torch.equal(load_probe(path, "people")(features), wanted)
    for part in (slice(4), slice(4, 20)):
        assert (maps[:, part] - wanted[:, part]).abs().max() < 0.2 * wanted[:, part].std()


def test_a_checkpoint_without_the_probe_is_refused(tmp_path):
    torch.save({"average": {}}, tmp_path / "c.pt")
    with pytest.raises(ValueError, match="expected the probe people"):
        warm_start(PlayerHead(SPEC.shape), tmp_path / "c.pt", "people", torch.zeros(1, *SPEC.shape))
