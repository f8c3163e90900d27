"""`featurecast heads`: list what can be run, begin a new head, check or measure one."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from core_network.catalogue import default_core
from featurecast.refusal import Refusal, refuse
from task_heads.browser_runtime import BrowserRuntime
from task_heads.conformance import check_head
from task_heads.dataset import DatasetError
from task_heads.manifest import (
    MANIFEST_FILE,
    MODEL_FILE,
    BooleanSetting,
    ChoiceSetting,
    HeadError,
    Manifest,
    NumberSetting,
    ObjectSetting,
    Setting,
)
from task_heads.registry import Registry
from task_heads.scaffold import new_head
from viewer.vendor_files import VENDOR_FOLDER

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="name, origin and fitness of every head")
    listing.add_argument(
        "--folder", metavar="DIR", type=Path, help="a folder of further heads, as `serve` takes"
    )
    new = actions.add_parser("new", help="write the package of a head of your own")
    new.add_argument("name", metavar="NAME", help="small letters, digits and _")
    new.add_argument("--out", metavar="DIR", type=Path, default=Path(), help="where its folder is made (.)")
    new.add_argument(
        "--labels", metavar="A,B,...", default="player", help="what it finds, as the dataset names it"
    )
    new.add_argument(
        "--people", action="store_true", help="it says who of those whom player_tracking finds is of a label"
    )
    measure = actions.add_parser("measure", help="its figures on a recorded dataset, by its own network.py")
    measure.add_argument("folder", metavar="DIR", type=Path, help="the folder with head.json and network.py")
    measure.add_argument("dataset", metavar="DATASET", type=Path, help="what `record` wrote")
    check = actions.add_parser("check", help="say what is wrong with a head, one line each")
    check.add_argument("folder", metavar="DIR", type=Path, help="the folder with head.json and head.onnx")
    check.add_argument(
        "--needs", metavar="DIR", type=Path, action="append", default=[], help="a head that it needs"
    )


def run(arguments: argparse.Namespace) -> int:
    """Do one of the actions; 1 when a head that was checked is not fit."""
    if arguments.action == "new":
        return _new(arguments.name, arguments.out, arguments.labels, people=arguments.people)
    if arguments.action == "measure":
        return _measure(arguments.folder, arguments.dataset)
    if arguments.action == "check":
        return _check(arguments.folder, arguments.needs)
    return _list(arguments.folder)


def _new(name: str, parent: Path, labels: str, *, people: bool) -> int:
    names = [label.strip() for label in labels.split(",") if label.strip()]
    with refuse(HeadError):
        folder = new_head(name, parent, names, people=people)
    print(folder)
    print(f"next: docs/write-a-head.md, or {folder / 'README.md'}", file=sys.stderr)
    return 0


def _measure(folder: Path, dataset: Path) -> int:
    # PyTorch is an extra: only here is it needed.
    from task_heads.training.outside import measure_head

    with refuse(HeadError, DatasetError):
        figures = measure_head(folder, dataset)
    print("  ".join(f"{name} {value:.3f}" for name, value in figures.items()))
    return 0


def _list(folder: Path | None) -> int:
    with refuse(HeadError):
        registry = Registry(heads_folder=folder)
    spec = default_core().spec
    for head in registry:
        entry = head.listing(spec)
        fitness = entry["title"] if entry["ok"] else f"not usable: {entry['reason']}"
        print(f"{head.name:<24} {head.origin:<12} {fitness}")
        if head.manifest is not None:
            for line in _particulars(head.manifest):
                print(f"{'':<24} {line}")
    return 0


def _particulars(manifest: Manifest) -> Iterator[str]:
    """Yield what a viewer may set, and which heads run beside this one."""
    if manifest.settings:
        yield "settings: " + ", ".join(_setting(setting) for setting in manifest.settings)
    if manifest.needs:
        yield "needs: " + ", ".join(f"{name} ({', '.join(of)})" for name, of in manifest.needs.items())


def _setting(setting: Setting) -> str:
    match setting:
        case NumberSetting():
            unit = f" {setting.unit}" if setting.unit else ""
            allowed = f"{setting.min:g} to {setting.max:g}{unit}"
        case BooleanSetting():
            allowed = "0 or 1"
        case ChoiceSetting():
            allowed = ", ".join(f"{choice.value:g} {choice.title}" for choice in setting.choices)
        case ObjectSetting():
            allowed = f"an id of {setting.output}"
    return f"{setting.name} [{allowed}; {setting.default:g}]"


def _check(folder: Path, needs: list[Path]) -> int:
    if not (folder / MANIFEST_FILE).is_file():
        raise Refusal(f"{folder}: expected the folder of a head, with {MANIFEST_FILE} and {MODEL_FILE}")
    browser = BrowserRuntime(VENDOR_FOLDER, VENDOR_FOLDER.parent / "head_runner.js")
    with refuse(HeadError):
        found = check_head(folder, default_core().spec, others=needs, browser=browser)
    for problem in found.problems:
        print(problem)
    if found.fit:
        times = [f"{found.median_ms or 0:.1f} ms in Python"]
        if found.browser_ms is not None:
            times.append(f"{found.browser_ms:.1f} ms in onnxruntime-web, equal results")
        print(f"{found.name}: fit, {found.nodes} nodes, {found.bytes} bytes, {', '.join(times)}")
        if found.left_out:
            print(f"{found.name}: onnxruntime-web was left out: {found.left_out}")
    return int(not found.fit)
