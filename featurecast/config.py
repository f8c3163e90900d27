"""Configuration files: one YAML per command, every key known, options on the command line win."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Annotated, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from featurecast.refusal import Refusal, refuse

__all__ = ["DEMO_SOURCE", "ServeConfig", "load_config"]

DEMO_SOURCE = "synthetic:football?seed=1"
"""The procedural match, broadcast when no source is named."""

Port = Annotated[int, Field(ge=0, le=65535)]


class ServeConfig(BaseModel):
    """What `featurecast serve` needs to know."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: str = DEMO_SOURCE
    host: str = "127.0.0.1"
    port: Port = Field(8080, description="0 takes a free one")
    rate: Literal["lossless", "high", "default", "low"] = "default"
    video_kbps: Annotated[int, Field(ge=100, le=100_000)] | None = Field(
        None, description="None: by the size"
    )
    max_viewers: Annotated[int, Field(ge=1)] = 64
    ice_hosts: tuple[str, ...] = Field(("127.0.0.1",), description="addresses that media is sent from")
    heads: Path | None = Field(None, description="folder of further heads, one folder each")
    token: str | None = Field(None, description="viewers must send it as Authorization: Bearer")


Config = TypeVar("Config", bound=BaseModel)


def load_config(kind: type[Config], path: Path | None, arguments: argparse.Namespace) -> Config:
    """Read the file, if one is named, and lay the given options over it; mistakes are refused by name."""
    document: object = {}
    if path is not None:
        with refuse(UnicodeDecodeError):
            text = path.read_text()
        try:
            document = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise Refusal(f"{path}: expected YAML, got: {error}") from error
    if document is None:
        document = {}
    if not isinstance(document, dict):
        raise Refusal(f"{path}: expected 'key: value' lines, got {type(document).__name__}")
    options = {
        name: getattr(arguments, name)
        for name in kind.model_fields
        if getattr(arguments, name, None) is not None
    }
    try:
        return kind.model_validate({**document, **options})
    except ValidationError as error:
        wrong = error.errors()[0]
        key = ".".join(map(str, wrong["loc"]))
        known = f"; known keys: {', '.join(kind.model_fields)}" if wrong["type"] == "extra_forbidden" else ""
        where = f"{path}: " if path and key not in options else ""
        raise Refusal(f"{where}{key}: {wrong['msg']}, got {wrong['input']!r}{known}") from error
