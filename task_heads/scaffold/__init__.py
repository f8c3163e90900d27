"""`heads new`: a complete small head package outside this repository, ready to be trained."""

from __future__ import annotations

import importlib.util
import keyword
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from string import Template

from task_heads.manifest import HeadError
from task_heads.registry import Registry

__all__ = ["new_head"]

_TEMPLATE = Path(__file__).parent / "template"
_NAME = re.compile(r"[a-z][a-z0-9_]{0,47}")


def new_head(name: str, parent: Path, labels: Sequence[str], *, people: bool = False) -> Path:
    """Write the package `parent/name` of a head that finds things of these labels; return its folder.

    With `people` it is given those whom `player_tracking` finds, and says who of them is of a label. Raises
    HeadError, one line, when the name cannot be used or the folder is there already.
    """
    _check_name(name)
    for label in labels:
        if not _NAME.fullmatch(label):
            raise HeadError(f"expected labels of small letters, digits and _, got {label!r}")
    if not labels or len(set(labels)) != len(labels):
        raise HeadError(f"expected different labels, at least one, got {', '.join(labels) or 'none'}")
    folder = parent / name
    if folder.exists():
        raise HeadError(f"{folder} is there already; choose another name or --out DIR")
    words = {
        "name": name,
        "title": name.replace("_", " ").capitalize(),
        "labels": ", ".join(labels),
        "label_names": repr(tuple(labels)).replace("'", '"'),
        "label_list": ", ".join(f'"{label}"' for label in labels),
    }
    partly = parent / f".{name}.part"
    shutil.rmtree(partly, ignore_errors=True)
    of_all, own = _TEMPLATE / "package", _TEMPLATE / ("people" if people else "boxes")
    for source in (*sorted(of_all.rglob("*.template")), *sorted(own.rglob("*.template"))):
        place = source.relative_to(of_all if of_all in source.parents else own)
        # Wheels leave files out whose names begin with a dot.
        written = place.as_posix().removesuffix(".template").replace("NAME", name).replace("DOT", ".")
        target = partly / written
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(Template(source.read_text()).substitute(words))
    partly.rename(folder)
    return folder


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name) or keyword.iskeyword(name):
        raise HeadError(
            f"expected a name of small letters, digits and _ that begins with a letter and is no keyword of "
            f"Python, got {name!r}"
        )
    known = next((head for head in Registry() if head.name == name), None)
    if known is not None:
        raise HeadError(
            f"there is a head {name} already: {known.folder} ({known.origin}); choose another name"
        )
    if importlib.util.find_spec(name) is not None:
        raise HeadError(f"a Python package {name} is installed here already; choose another name")
