"""The HTTP face of a broadcast: WHEP, the page, heads and specs, metrics and health."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import gzip
import hashlib
import hmac
import os
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import uvicorn
from fastapi import Depends, FastAPI, HTTPException, Request, Response
from fastapi.responses import FileResponse, JSONResponse
from fastapi.staticfiles import StaticFiles
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stream.broadcast import Broadcast
from stream.metrics import CONTENT_TYPE
from stream.session import NoH264, OfferRefused, Session, Sessions, SessionsFull

__all__ = ["HeadCatalogue", "PortInUse", "create_app", "serve"]

_SDP = "application/sdp"
_SDP_FRAGMENT = "application/trickle-ice-sdpfrag"
_MAX_SDP_BYTES = 64 * 1024
_READ_S = 10.0
_RETRY_S = "2"

_TYPES = {
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".wasm": "application/wasm",
    ".onnx": "application/octet-stream",
    ".json": "application/json",
}
"""Set by us: the machine's own table may lack them, and browsers refuse modules and WASM of another type."""

_HEAD_FILES = ("head.json", "head.onnx")
_NAMING_DIGITS = 12


class HeadCatalogue(Protocol):
    """What the server must know about heads."""

    def entries(self) -> list[dict[str, Any]]:
        """Return name, title, description, manifest and ok (true), or name, ok (false) and reason of each."""

    def file(self, name: str, file: str) -> Path | None:
        """Return the path of `head.json` or `head.onnx` of a head that is ok, or None."""


class PortInUse(OSError):
    """Somebody else listens on the port."""


def create_app(
    broadcast: Broadcast,
    page_folder: Path,
    heads: HeadCatalogue,
    specs: Mapping[str, dict[str, Any]],
    *,
    ice_hosts: Sequence[str] = ("127.0.0.1",),
    max_viewers: int = 64,
    token: str | None = None,
) -> FastAPI:
    """Return the application; its lifespan runs the broadcast and ends every session.

    `specs`: fingerprint -> the document that /spec/{fingerprint} answers with. `ice_hosts`: addresses that
    media is sent from. With `token`, WHEP requests need `Authorization: Bearer <token>`.
    """
    sessions = Sessions(broadcast, ice_hosts, max_viewers)

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        running = asyncio.create_task(broadcast.run(), name="broadcast")
        try:
            yield
        finally:
            await sessions.end_all()
            running.cancel()
            await asyncio.wait([running])

    app = FastAPI(title="featurecast", lifespan=lifespan, openapi_url=None)
    app.state.sessions = sessions
    app.add_middleware(_Headers)
    _add_whep(app, broadcast, sessions, token)
    _add_documents(app, heads, specs)
    _add_health(app, broadcast, sessions)
    # Last, because it answers every path that nothing else does.
    app.mount("/", _Page(directory=page_folder, html=True), name="page")
    return app


def _add_whep(app: FastAPI, broadcast: Broadcast, sessions: Sessions, token: str | None) -> None:
    def allowed(request: Request) -> None:
        given = request.headers.get("authorization", "")
        if token is not None and not hmac.compare_digest(given.encode(), f"Bearer {token}".encode()):
            raise HTTPException(401, "expected Authorization: Bearer <token>", {"WWW-Authenticate": "Bearer"})

    def refuse(status: int, detail: str, headers: dict[str, str] | None = None) -> HTTPException:
        broadcast.metrics.sessions_refused.inc()
        return HTTPException(status, detail, headers)

    def found(session_id: str) -> Session:
        session = sessions.find(session_id)
        if session is None:
            raise HTTPException(404, "no such session; it has ended")
        return session

    @app.options("/whep")
    @app.options("/whep/{session_id}")
    async def options() -> Response:
        return Response(status_code=204, headers={"Accept-Post": _SDP, "Accept-Patch": _SDP_FRAGMENT})

    @app.post("/whep", dependencies=[Depends(allowed)])
    async def post(request: Request) -> Response:
        offer = await _body(request, _SDP)
        if not broadcast.live:
            raise refuse(409, "the broadcast is not live yet; try again", {"Retry-After": _RETRY_S})
        try:
            session, answer = await sessions.open(offer)
        except SessionsFull:
            raise refuse(
                503, "all places for viewers are taken; try again", {"Retry-After": _RETRY_S}
            ) from None
        except NoH264 as error:
            raise refuse(406, str(error)) from error
        except OfferRefused as error:
            raise refuse(400, str(error)) from error
        headers = {"Location": f"/whep/{session.id}", "ETag": session.etag}
        return Response(answer, 201, headers, media_type=_SDP)

    @app.patch("/whep/{session_id}", dependencies=[Depends(allowed)])
    async def patch(session_id: str, request: Request) -> Response:
        session = found(session_id)
        fragment = await _body(request, _SDP_FRAGMENT)
        if (match := request.headers.get("if-match")) is None:
            raise HTTPException(428, "expected If-Match with the session's ETag")
        if match != session.etag:
            raise HTTPException(412, "this ETag is not the session's")
        try:
            await session.add_candidates(fragment)
        except OfferRefused as error:
            raise HTTPException(422 if "restart" in str(error) else 400, str(error)) from error
        return Response(status_code=204)

    @app.delete("/whep/{session_id}", dependencies=[Depends(allowed)])
    async def delete(session_id: str) -> Response:
        if not await sessions.end(session_id):
            raise HTTPException(404, "no such session; it has ended")
        return Response(status_code=200)

    @app.post("/whip")
    async def whip() -> Response:
        raise HTTPException(
            501, "publishing over WHIP is not supported; name a URL as the broadcast's source"
        )


def _add_documents(app: FastAPI, heads: HeadCatalogue, specs: Mapping[str, dict[str, Any]]) -> None:
    @app.get("/heads")
    def catalogue(request: Request) -> Response:
        answer = JSONResponse({"heads": heads.entries()}, headers={"Cache-Control": "no-cache"})
        etag = f'"{hashlib.sha256(answer.body).hexdigest()[:32]}"'
        answer.headers["ETag"] = etag
        # Pages ask again and again, because heads come and go while a server runs.
        if etag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers={"ETag": etag, "Cache-Control": "no-cache"})
        return answer

    @app.get("/heads/{name}/{file}")
    def head_file(name: str, file: str, v: str = "") -> FileResponse:
        path = heads.file(name, file) if file in _HEAD_FILES else None
        if path is None or not path.is_file():
            raise HTTPException(404, f"no head {name!r} with a file {file!r}; see /heads")
        # Under an address that names the content (the first digits of its sha256), it will never be another.
        named = len(v) >= _NAMING_DIGITS and hashlib.sha256(path.read_bytes()).hexdigest().startswith(v)
        caching = "public, max-age=31536000, immutable" if named else "no-cache"
        return FileResponse(path, media_type=_TYPES[path.suffix], headers={"Cache-Control": caching})

    plain = {fingerprint: JSONResponse(document).body for fingerprint, document in specs.items()}
    # Tables are most of it and pack to a quarter; every viewer asks for them, so they are packed once.
    packed = {fingerprint: gzip.compress(bytes(body), mtime=0) for fingerprint, body in plain.items()}

    @app.get("/spec/{fingerprint}")
    def spec(fingerprint: str, request: Request) -> Response:
        if fingerprint not in specs:
            raise HTTPException(404, f"no feature spec with the fingerprint {fingerprint!r} here")
        headers, body = {"Vary": "Accept-Encoding"}, bytes(plain[fingerprint])
        if "gzip" in request.headers.get("accept-encoding", ""):
            headers["Content-Encoding"], body = "gzip", packed[fingerprint]
        return Response(body, media_type=_TYPES[".json"], headers=headers)


def _add_health(app: FastAPI, broadcast: Broadcast, sessions: Sessions) -> None:
    def status() -> dict[str, Any]:
        return {**broadcast.status(), "viewers": sessions.connected, "sessions": len(sessions)}

    @app.get("/api/status")
    async def api_status() -> JSONResponse:
        return JSONResponse(status())

    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        return {"status": "alive"}

    @app.get("/readyz")
    async def readyz() -> JSONResponse:
        state = status()
        summary = {"status": state["state"], "detail": state["reason"]}
        if broadcast.live:
            return JSONResponse(summary)
        return JSONResponse(summary, 503, {"Retry-After": _RETRY_S})

    @app.get("/metrics")
    async def metrics() -> Response:
        return Response(broadcast.metrics.text(), media_type=CONTENT_TYPE)


async def _body(request: Request, content_type: str) -> str:
    given = request.headers.get("content-type", "nothing").partition(";")[0].strip().lower()
    if given != content_type:
        raise HTTPException(415, f"expected Content-Type {content_type}, got {given}")
    body = bytearray()
    try:
        async with asyncio.timeout(_READ_S):
            async for chunk in request.stream():
                body += chunk
                if len(body) > _MAX_SDP_BYTES:
                    raise HTTPException(413, f"expected at most {_MAX_SDP_BYTES} bytes of SDP")
    except TimeoutError:
        raise HTTPException(408, f"the request's body did not arrive within {_READ_S:.0f} s") from None
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise HTTPException(400, "expected SDP in UTF-8") from None


class _Page(StaticFiles):
    """The page's folder; names that climb out of it are not found (Starlette resolves them).

    A file that lies there packed as well, with `.gz` behind its name, is sent so to those who take it.
    """

    def file_response(
        self, full_path: Any, stat_result: os.stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        path = Path(os.fspath(full_path))
        suffix, packed = path.suffix, path.with_name(path.name + ".gz")
        accepted = "gzip" in Headers(scope=scope).get("accept-encoding", "")
        sent = packed if accepted and packed.is_file() else path
        response = super().file_response(sent, sent.stat(), scope, status_code)
        if packed.is_file():
            response.headers["Vary"] = "Accept-Encoding"
        if sent is packed:
            response.headers["Content-Encoding"] = "gzip"
        if suffix in _TYPES:
            response.headers["Content-Type"] = _TYPES[suffix]
        # The page itself must never be old; its parts are asked for again and mostly answered 304.
        response.headers["Cache-Control"] = "no-store" if suffix == ".html" else "no-cache"
        return response


class _Headers:
    """Adds to every response what pages need: cross-origin isolation (WASM threads) and CORS."""

    _ADDED = (
        (b"cross-origin-opener-policy", b"same-origin"),
        (b"cross-origin-embedder-policy", b"require-corp"),
        (b"access-control-allow-origin", b"*"),
        (b"access-control-allow-methods", b"GET, POST, PATCH, DELETE, OPTIONS"),
        (b"access-control-allow-headers", b"Authorization, Content-Type, If-Match, If-None-Match"),
        (b"access-control-expose-headers", b"Location, ETag, Link, Retry-After"),
        (b"x-content-type-options", b"nosniff"),
    )

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *self._ADDED]
            await send(message)

        await self._app(scope, receive, send_with_headers if scope["type"] == "http" else send)


def serve(
    app: FastAPI, host: str = "127.0.0.1", port: int = 8080, on_ready: Callable[[str], None] | None = None
) -> None:
    """Serve until SIGINT or SIGTERM, then end every session and return.

    `on_ready` is called with the address (http://host:port) once connections are accepted; port 0 takes a
    free one. Raises PortInUse, or OSError when the host is not an address of this machine; one line each.
    """
    with _listen(host, port) as listening:
        address, port = listening.getsockname()[:2]
        shown = f"[{address}]" if ":" in address else address
        config = uvicorn.Config(app, log_level="warning", access_log=False, timeout_graceful_shutdown=3)
        with _signals_end_quietly():
            asyncio.run(_serve(uvicorn.Server(config), listening, f"http://{shown}:{port}", on_ready))


async def _serve(
    server: uvicorn.Server, listening: socket.socket, address: str, on_ready: Callable[[str], None] | None
) -> None:
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    while on_ready and not server.started and not serving.done():
        await asyncio.sleep(0.01)  # uvicorn has no event for this
    if on_ready and server.started:
        on_ready(address)
    await serving


@contextlib.contextmanager
def _signals_end_quietly() -> Iterator[None]:
    # uvicorn raises the signals it caught once more when it is done; by then they must not kill us.
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (OSError, OverflowError) as error:
        raise OSError(f"cannot listen on {host}:{port}: {error}") from error
    listening = socket.socket(family, kind, protocol)
    try:
        # Lets a restarted server have its port back at once; two live servers still exclude each other.
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(128)
    except OSError as error:
        listening.close()
        if error.errno == errno.EADDRINUSE:
            raise PortInUse(
                f"port {port} on {host} is in use; stop what runs there or choose another"
            ) from error
        raise OSError(f"cannot listen on {host}:{port}: {error.strerror}") from error
    return listening
