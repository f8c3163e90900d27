"""Boundaries that import-linter cannot express, and those a running process can break."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import subprocess
import sys
import types
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
PACKAGES = ("core_network", "task_heads", "stream", "viewer", "evaluation", "featurecast")
PRIVATE_NAMES_OF_AIORTC = REPOSITORY / "stream" / "rtc_private.py"


def sources() -> Iterator[Path]:
    for package in PACKAGES:
        yield from sorted((REPOSITORY / package).rglob("*.py"))


def imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module


def private_names(tree: ast.Module) -> Iterator[str]:
    """Names with a leading underscore that are read from something other than the own object or module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr.startswith("_") and not node.attr.startswith("__"):
            own = isinstance(node.value, ast.Name) and node.value.id in {"self", "cls"}
            if not own:
                yield f"{node.lineno}: .{node.attr}"
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.startswith("_RTC"):
            yield f"{node.lineno}: {node.value!r}"


def test_aiortc_private_names_stay_in_one_module() -> None:
    offences = []
    for path in sources():
        tree = ast.parse(path.read_text())
        if path != PRIVATE_NAMES_OF_AIORTC and any(
            name.partition(".")[0] == "aiortc" for name in imports(tree)
        ):
            offences += [f"{path.relative_to(REPOSITORY)}:{name}" for name in private_names(tree)]
    assert offences == []


SERVING = (
    "stream.server",
    "stream.broadcast",
    "stream.file_writer",
    "viewer.headless",
    "featurecast.commands.serve",
    "featurecast.commands.encode",
    "featurecast.commands.view",
    "featurecast.commands.heads",
)


@pytest.mark.parametrize("module", SERVING)
def test_serving_and_viewing_load_no_training_packages(module: str) -> None:
    script = (
        f"import sys, {module}; "
        "print([name for name in ('torch', 'onnx', 'onnxscript', 'matplotlib') if name in sys.modules])"
    )
    outcome = subprocess.run([sys.executable, "-c", script], cwd=REPOSITORY, capture_output=True, text=True)
    assert outcome.returncode == 0, outcome.stderr
    assert outcome.stdout.strip() == "[]"


def modules() -> list[str]:
    return [
        module.name
        for package in PACKAGES
        for module in pkgutil.walk_packages([str(REPOSITORY / package)], f"{package}.")
        if not module.name.endswith("__main__")
    ]


@pytest.mark.parametrize("name", modules())
def test_all_lists_what_a_module_offers(name: str) -> None:
    """Where `__all__` is, it names only what exists and misses no public class or function of the module."""
    module = importlib.import_module(name)
    offered = set(getattr(module, "__all__", ()))
    defined = {
        key
        for key, value in vars(module).items()
        if not key.startswith("_")
        and key != "main"  # of a module that is run with python -m
        and isinstance(value, type | types.FunctionType)
        and value.__module__ == name
    }
    assert not offered or offered >= defined, f"missing from __all__: {sorted(defined - offered)}"
    assert all(hasattr(module, key) for key in offered)
