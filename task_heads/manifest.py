"""The manifest of a head, `head.json`: a closed vocabulary that both runtimes read the same way."""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from core_network.spec import FeatureSpec

__all__ = [
    "MANIFEST_FILE",
    "MODEL_FILE",
    "MODEL_SIZE_LIMIT",
    "SCHEMA_VERSION",
    "BooleanSetting",
    "BoxesDraw",
    "Choice",
    "ChoiceSetting",
    "HeadError",
    "Inputs",
    "Manifest",
    "Metric",
    "ModelFile",
    "NumberSetting",
    "ObjectSetting",
    "Output",
    "PointsDraw",
    "Setting",
    "SpecReference",
    "StateTensor",
    "Statistic",
    "TableDraw",
    "TextDraw",
    "TrailDraw",
    "check_model_bytes",
    "check_spec",
    "load_manifest",
    "manifest_schema",
    "parse_manifest",
    "template_names",
]

MANIFEST_FILE = "head.json"
MODEL_FILE = "head.onnx"
MODEL_SIZE_LIMIT = 4 * 1024 * 1024
"""Viewers download heads, so a graph may have at most this many bytes."""

MANIFEST_SIZE_LIMIT = 256 * 1024
"""A manifest is a few KiB; nothing that lies in a heads folder may fill the memory."""

SCHEMA_VERSION = "1.1"
"""Of the manifest: the first number changes when old manifests are no longer understood."""

LARGEST_ID = 2**24 - 1
"""Ids travel as float32, which holds whole numbers exactly up to here."""

TENSOR_LIMIT = 1 << 20
"""Elements of one state tensor or output: viewers copy them on every frame."""

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,47}$")]
Text = Annotated[str, Field(min_length=1, max_length=2000)]
Colour = Annotated[str, Field(pattern=r"^#[0-9a-f]{6}$")]
Dimension = Annotated[int, Field(ge=1, le=4096)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Unit = Annotated[str, Field(max_length=24)]

COLUMNS_OF = {
    "boxes": {"x0", "y0", "x1", "y1", "score", "valid"},
    "points": {"x", "y", "score", "valid"},
    "trail": {"x", "y", "valid"},
}
"""Columns that an output needs before it can be drawn as this kind."""


class HeadError(ValueError):
    """A head that cannot be used: one line saying what was expected, what came and how to mend it."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SpecReference(_Part):
    """The features this head was trained on."""

    name: Text
    fingerprint: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    shape: tuple[Dimension, Dimension, Dimension]


class ModelFile(_Part):
    """The graph beside the manifest."""

    file: Literal["head.onnx"]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    size: Annotated[int, Field(ge=1, le=MODEL_SIZE_LIMIT)]


class StateTensor(_Part):
    """A tensor that goes round: input `name` of a frame is output `output` of the frame before."""

    name: Name
    output: Name
    shape: Annotated[tuple[Dimension, ...], Field(min_length=1, max_length=4)]
    init: Finite = Field(0.0, description="every element's value after a reset")


class Output(_Part):
    """A result tensor float32 [rows, len(columns)]."""

    name: Name
    shape: tuple[Dimension, Dimension]
    columns: Annotated[tuple[Name, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _one_name_per_column(self) -> Self:
        if len(self.columns) != self.shape[1]:
            raise ValueError(
                f"output {self.name}: expected {self.shape[1]} column names, got {len(self.columns)}"
            )
        if len(set(self.columns)) != len(self.columns):
            raise ValueError(f"output {self.name}: expected different column names, one is there twice")
        return self


class Statistic(_Part):
    """One figure: row 0 of `column` in `output`; left out while the `valid` column is below 0.5."""

    name: Name
    title: Text
    unit: Unit = Field(description="'' for a plain number")
    definition: Text
    output: Name
    column: Name
    valid: Name | None = None
    decimals: Annotated[int, Field(ge=0, le=6)] = 0


class _Setting(_Part):
    """A graph input float32 [1] of this name, which the viewer may change."""

    name: Name
    title: Text
    default: Finite

    def refusal(self, value: float) -> str | None:
        """Return what was expected when `value` is none of the values that may be set, else None."""
        raise NotImplementedError

    @model_validator(mode="after")
    def _default_allowed(self) -> Self:
        expected = self.refusal(self.default)
        if expected:
            raise ValueError(f"setting {self.name}: expected a default {expected}, got {self.default:g}")
        return self


class NumberSetting(_Setting):
    """A slider."""

    type: Literal["number"]
    min: Finite = 0.0
    max: Finite = 1.0
    step: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = Field(
        None, description="of the control; null is a hundredth of the range"
    )
    unit: Unit = ""

    def refusal(self, value: float) -> str | None:
        """Return the range when `value` is outside it."""
        inside = math.isfinite(value) and self.min <= value <= self.max
        return None if inside else f"from {self.min:g} to {self.max:g}"


class BooleanSetting(_Setting):
    """A switch: 0 or 1."""

    type: Literal["boolean"]

    def refusal(self, value: float) -> str | None:
        """Return the two values unless `value` is one of them."""
        return None if value in (0, 1) else "0 or 1"


class Choice(_Part):
    """One of the values of a choice, and what the viewer reads."""

    value: Finite
    title: Text


class ChoiceSetting(_Setting):
    """One of several values, such as a team."""

    type: Literal["choice"]
    choices: Annotated[tuple[Choice, ...], Field(min_length=2, max_length=16)]

    def refusal(self, value: float) -> str | None:
        """Return the values unless `value` is one of them."""
        values = [choice.value for choice in self.choices]
        return None if value in values else "of " + ", ".join(f"{known:g}" for known in values)


class ObjectSetting(_Setting):
    """One of the things that the head shows, by its id; 0 is none. A viewer picks it in the picture."""

    type: Literal["object"]
    output: Name = Field(description="the output whose `id` column is picked from")
    default: Literal[0] = 0

    def refusal(self, value: float) -> str | None:
        """Return what ids are unless `value` may be one."""
        whole = math.isfinite(value) and value == int(value)
        return None if whole and 0 <= value <= LARGEST_ID else f"as a whole number from 0 to {LARGEST_ID}"


Setting = Annotated[
    NumberSetting | BooleanSetting | ChoiceSetting | ObjectSetting, Field(discriminator="type")
]


class BoxesDraw(_Part):
    """Rectangles with label and id."""

    kind: Literal["boxes"]
    output: Name
    when: Literal["confirmed", "all"] = Field(
        "confirmed", description="which view of the result it belongs to"
    )
    colour_by: Literal["label", "id", "team"] = "label"


class PointsDraw(_Part):
    """Circles."""

    kind: Literal["points"]
    output: Name
    when: Literal["confirmed", "all"] = "confirmed"
    colour: Colour = "#ffd400"


class TrailDraw(_Part):
    """A line through the valid rows, oldest first."""

    kind: Literal["trail"]
    output: Name
    colour: Colour = "#ffd400"


class TextDraw(_Part):
    """A line of text in a corner; `{statistic}` is replaced, and nothing is drawn while one is missing."""

    kind: Literal["text"]
    corner: Literal["top_left", "top_right", "bottom_left", "bottom_right"]
    template: Text


class TableDraw(_Part):
    """Statistics as rows of a table beside the video."""

    kind: Literal["table"]
    title: Text
    statistics: Annotated[tuple[Name, ...], Field(min_length=1)]


Draw = Annotated[BoxesDraw | PointsDraw | TrailDraw | TextDraw | TableDraw, Field(discriminator="kind")]


class Metric(_Part):
    """A measured quality figure."""

    name: Text
    value: Finite
    unit: Unit = ""
    on: Text


class Inputs(_Part):
    """Which of the runner's inputs the graph takes, beside state, settings and needs."""

    features: Literal[True] = True
    view: bool = False
    dt: bool = False


class Manifest(_Part):
    """Everything a viewer knows about a head before it downloads the graph."""

    format: Literal[1]
    schema_version: Annotated[str, Field(pattern=r"^1\.\d+$")] = Field(
        "1.0", description="version of this schema that the manifest was written for"
    )
    name: Name
    title: Text
    description: Text
    version: Annotated[str, Field(pattern=r"^\d+\.\d+\.\d+$")]
    licence: Text
    spec: SpecReference
    model: ModelFile
    inputs: Inputs
    state: tuple[StateTensor, ...] = ()
    settings: tuple[Setting, ...] = ()
    needs: dict[Name, tuple[Name, ...]] = Field(
        default_factory=dict, description="outputs of other heads; each is the graph input <head>__<output>"
    )
    outputs: Annotated[tuple[Output, ...], Field(min_length=1)]
    labels: tuple[Name, ...] = ()
    statistics: tuple[Statistic, ...] = ()
    draw: tuple[Draw, ...] = ()
    metrics: tuple[Metric, ...] = ()

    @property
    def identity(self) -> str:
        """What decides its results where no viewer chooses: the graph's SHA-256 and settings' defaults."""
        return " ".join([self.model.sha256, *(f"{s.name}={s.default}" for s in self.settings)])

    @property
    def state_elements(self) -> int:
        """Return the number of float32 values a viewer keeps between frames."""
        return sum(math.prod(tensor.shape) for tensor in self.state)

    def output(self, name: str) -> Output:
        """Return the output of that name; raises KeyError when there is none."""
        for output in self.outputs:
            if output.name == name:
                return output
        raise KeyError(name)

    def needed_inputs(self) -> dict[str, tuple[str, str]]:
        """Return graph input -> (head, output) for everything taken from other heads."""
        return {f"{head}__{name}": (head, name) for head, names in self.needs.items() for name in names}

    @model_validator(mode="after")
    def _references_exist(self) -> Self:
        graph_inputs = ["features", "view", "dt", *self.needed_inputs()]
        graph_inputs += [tensor.name for tensor in self.state]
        graph_inputs += [setting.name for setting in self.settings]
        graph_outputs = [output.name for output in self.outputs] + [tensor.output for tensor in self.state]
        for what, names in (
            ("input", graph_inputs),
            ("output", graph_outputs),
            ("statistic", [statistic.name for statistic in self.statistics]),
        ):
            twice = {name for name in names if names.count(name) > 1}
            if twice:
                raise ValueError(f"expected each {what} name once, got {sorted(twice)[0]} twice; rename one")
        if self.name in self.needs:
            raise ValueError(f"expected needs to name other heads, got {self.name} itself")
        for name, shape in [(o.name, o.shape) for o in self.outputs] + [
            (t.name, t.shape) for t in self.state
        ]:
            if math.prod(shape) > TENSOR_LIMIT:
                raise ValueError(f"{name}: expected at most {TENSOR_LIMIT} numbers, got {math.prod(shape)}")
        for setting in self.settings:
            if isinstance(setting, ObjectSetting):
                columns = self._columns(setting.output, f"setting {setting.name}")
                if not {"id", "valid"} <= set(columns):
                    raise ValueError(
                        f"setting {setting.name}: expected output {setting.output} to have the columns id "
                        f"and valid, got {', '.join(columns)}"
                    )
        for statistic in self.statistics:
            columns = self._columns(statistic.output, f"statistic {statistic.name}")
            for column in filter(None, (statistic.column, statistic.valid)):
                if column not in columns:
                    raise ValueError(
                        f"statistic {statistic.name}: expected a column of output "
                        f"{statistic.output}, got {column}"
                    )
        for draw in self.draw:
            self._check_draw(draw)
        return self

    def _columns(self, output: str, user: str) -> tuple[str, ...]:
        try:
            return self.output(output).columns
        except KeyError:
            known = ", ".join(item.name for item in self.outputs)
            raise ValueError(f"{user}: expected one of the outputs {known}, got {output}") from None

    def _check_draw(self, draw: Draw) -> None:
        names = {statistic.name for statistic in self.statistics}
        if isinstance(draw, BoxesDraw | PointsDraw | TrailDraw):
            columns = self._columns(draw.output, f"draw {draw.kind}")
            missing = COLUMNS_OF[draw.kind] - set(columns)
            if missing:
                raise ValueError(
                    f"draw {draw.kind}: expected output {draw.output} to have the column "
                    f"{sorted(missing)[0]}, "
                    f"got {', '.join(columns)}"
                )
            if "label" in columns and not self.labels:
                raise ValueError(
                    f"draw {draw.kind}: expected labels, because output {draw.output} has a label column"
                )
        else:
            used = draw.statistics if isinstance(draw, TableDraw) else template_names(draw.template)
            for name in used:
                if name not in names:
                    raise ValueError(f"draw {draw.kind}: expected the name of a statistic, got {name}")


def template_names(template: str) -> tuple[str, ...]:
    """Return the names between braces of a text template, in order."""
    return tuple(part.split("}")[0] for part in template.split("{")[1:])


def parse_manifest(document: Any, where: str) -> Manifest:
    """Validate a manifest document; raises HeadError in one line that begins with `where`."""
    if isinstance(document, dict):
        _check_version(document, where)
        if not {"spec", "model"} & set(document):
            raise HeadError(
                f"{where}: this head was not exported yet; run featurecast train head, then featurecast "
                "export head"
            )
    try:
        return Manifest.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        reason = str(first["msg"]).removeprefix("Value error, ")
        raise HeadError(f"{where}: {place + ': ' if place else ''}{reason}; see docs/heads.md") from None


def _check_version(document: dict[str, Any], where: str) -> None:
    """Say that a manifest is newer than this program, instead of blaming a field that is not known here."""
    numbers = str(document.get("schema_version", "1.0")).split(".")
    known = [int(number) for number in SCHEMA_VERSION.split(".")]
    if len(numbers) != 2 or not all(number.isdecimal() for number in numbers):
        return  # the schema names the field
    if [int(number) for number in numbers] > known:
        raise HeadError(
            f"{where}: written for manifest schema {'.'.join(numbers)}, known here is {SCHEMA_VERSION}; "
            "install a newer featurecast"
        )


def load_manifest(folder: Path) -> Manifest:
    """Read and validate a head's manifest without touching its graph; raises HeadError in one line."""
    path = Path(folder) / MANIFEST_FILE
    if not path.is_file():
        raise HeadError(
            f"{folder}: expected a head's folder with {MANIFEST_FILE} and {MODEL_FILE}, found no "
            f"{MANIFEST_FILE}"
        )
    try:
        if path.stat().st_size > MANIFEST_SIZE_LIMIT:
            raise HeadError(
                f"{path}: expected at most {MANIFEST_SIZE_LIMIT} bytes, got {path.stat().st_size}"
            )
        document = json.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise HeadError(f"{path}: expected JSON, got {error}") from None
    except OSError as error:
        raise HeadError(f"{path}: cannot be read: {error.strerror}") from None
    return parse_manifest(document, str(path))


def check_model_bytes(manifest: Manifest, model: bytes) -> None:
    """Raise HeadError unless the graph's bytes are those that the manifest names."""
    if len(model) != manifest.model.size:
        raise HeadError(
            f"head {manifest.name}: expected {manifest.model.file} of {manifest.model.size} bytes, "
            f"got {len(model)}; "
            "download or export it again"
        )
    digest = hashlib.sha256(model).hexdigest()
    if digest != manifest.model.sha256:
        raise HeadError(
            f"head {manifest.name}: expected {manifest.model.file} with sha256 "
            f"{manifest.model.sha256[:12]}..., "
            f"got {digest[:12]}...; download or export it again"
        )


def check_spec(manifest: Manifest, spec: FeatureSpec) -> None:
    """Raise HeadError unless the head was trained on exactly these features."""
    if manifest.spec.fingerprint != spec.fingerprint:
        raise HeadError(
            f"head {manifest.name} expects features {manifest.spec.name} "
            f"({manifest.spec.fingerprint[:12]}...), the stream "
            f"carries {spec.name} ({spec.fingerprint[:12]}...); train the head on this core or choose another"
        )
    if manifest.spec.shape != spec.shape:
        raise HeadError(
            f"head {manifest.name} expects features {list(manifest.spec.shape)}, the spec says "
            f"{list(spec.shape)}"
        )


def manifest_schema() -> dict[str, Any]:
    """Return the JSON schema that docs/head-manifest.schema.json holds."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:featurecast:head-manifest:{SCHEMA_VERSION}",
        **Manifest.model_json_schema(),
    }
