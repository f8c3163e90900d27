"""`featurecast serve`: broadcast one source to any number of viewers."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from core_network.catalogue import Core, default_core
from core_network.spec import RATES
from featurecast.config import ServeConfig, load_config
from featurecast.refusal import Refusal, refuse
from stream.broadcast import Broadcast
from stream.programme import FeatureEncoder, core_threads
from stream.server import create_app, serve
from stream.source import Source, SourceError, open_source
from stream.spec_document import spec_documents
from stream.video_encoder import VideoEncoder
from task_heads.manifest import HeadError
from task_heads.registry import Registry
from task_heads.shelf import HeadShelf
from viewer.vendor_files import VENDOR_FOLDER, web_runtime_ready

__all__ = ["configure", "run"]

_PAGE = VENDOR_FOLDER.parent


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments; each overrides the same key of the file."""
    parser.add_argument(
        "--source",
        metavar="SRC",
        help="video file, folder of images, URL or synthetic:football (the default)",
    )
    parser.add_argument("--config", metavar="F", type=Path, help="YAML file, see configs/serve.yaml")
    parser.add_argument("--host", metavar="H", help="address to listen on (127.0.0.1)")
    parser.add_argument("--port", metavar="P", type=int, help="port to listen on (8080)")
    parser.add_argument(
        "--heads-folder",
        metavar="DIR",
        dest="heads",
        type=Path,
        help="folder of further heads, one folder each; they may come and go while the server runs",
    )
    parser.add_argument(
        "--head", metavar="DIR", type=Path, action="append", default=[], help="one further head's folder"
    )
    parser.add_argument("--rate", choices=RATES, help="how finely features are coded (default)")


def run(arguments: argparse.Namespace) -> int:
    """Serve until interrupted."""
    config = load_config(ServeConfig, arguments.config, arguments)
    if not web_runtime_ready():
        raise Refusal("the web runtime of the player is missing: python -m viewer.vendor_files")
    core = default_core()
    with refuse(HeadError):
        registry = Registry(folders=arguments.head, heads_folder=config.heads)
    heads = HeadShelf(registry, core.spec)
    broadcast = _broadcast(config, core)
    with refuse(SourceError):
        broadcast.open()
    app = create_app(
        broadcast,
        _PAGE,
        heads,
        spec_documents(),
        ice_hosts=config.ice_hosts,
        max_viewers=config.max_viewers,
        token=config.token,
    )
    with refuse():
        serve(app, config.host, config.port, _announce)
    return 0


def _broadcast(config: ServeConfig, core: Core) -> Broadcast:
    def opened() -> Source:
        return open_source(config.source, loop=True)

    def video_encoder(width: int, height: int, fps: float) -> VideoEncoder:
        return VideoEncoder(width, height, fps, config.video_kbps)

    return Broadcast(
        config.source,
        opened,
        FeatureEncoder(core, rate=config.rate, threads=core_threads()),
        video_encoder,
        fingerprint=core.spec.fingerprint,
        rate=config.rate,
    )


def _announce(address: str) -> None:
    print(
        f"featurecast: watch at {address}/  (viewers: {address}/whep, Ctrl+C ends)",
        file=sys.stderr,
        flush=True,
    )
