"""`featurecast heads`: list what can be run, or check one head."""

from __future__ import annotations

import argparse
from pathlib import Path

from core_network.catalogue import default_core
from featurecast.refusal import Refusal, refuse
from task_heads.conformance import check_head
from task_heads.manifest import MANIFEST_FILE, MODEL_FILE, HeadError
from task_heads.registry import Registry

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="name, origin and fitness of every head")
    listing.add_argument(
        "--folder", metavar="DIR", type=Path, help="a folder of further heads, as `serve` takes"
    )
    check = actions.add_parser("check", help="say what is wrong with a head, one line each")
    check.add_argument("folder", metavar="DIR", type=Path, help="the folder with head.json and head.onnx")


def run(arguments: argparse.Namespace) -> int:
    """List or check; 1 when a head that was checked is not fit."""
    return _list(arguments.folder) if arguments.action == "list" else _check(arguments.folder)


def _list(folder: Path | None) -> int:
    with refuse(HeadError):
        registry = Registry(heads_folder=folder)
    spec = default_core().spec
    for head in registry:
        entry = head.listing(spec)
        fitness = entry["title"] if entry["ok"] else f"not usable: {entry['reason']}"
        print(f"{head.name:<24} {head.origin:<12} {fitness}")
    return 0


def _check(folder: Path) -> int:
    if not (folder / MANIFEST_FILE).is_file():
        raise Refusal(f"{folder}: expected the folder of a head, with {MANIFEST_FILE} and {MODEL_FILE}")
    with refuse(HeadError):
        found = check_head(folder, default_core().spec)
    for problem in found.problems:
        print(problem)
    if found.fit:
        print(f"{found.name}: fit, {found.nodes} nodes, {found.bytes} bytes, {found.median_ms or 0:.1f} ms")
    return int(not found.fit)
