"""The HTTP face: statuses and headers that WHEP clients, browsers and operators rely on."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import httpx
import pytest

from stream.server import PortInUse, create_app, serve
from stream.source import Source, SourceError
from tests.stream.live.peers import joined, offer, post
from tests.stream.live.rig import Heads, Live, make_broadcast, numbered_source, serving, until

SDP = "application/sdp"
FRAGMENT = "application/trickle-ice-sdpfrag"


@pytest.fixture
async def live(page: Path) -> AsyncIterator[Live]:
    async with serving(page) as running:
        yield running


@pytest.fixture
async def http(live: Live) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=live.url) as client:
        yield client


def idle(page: Path, **options: Any) -> httpx.AsyncClient:
    """Return a client of a server whose broadcast has not begun."""
    app = create_app(make_broadcast(), page, Heads(), {}, **options)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://here")


async def test_an_offer_is_answered_with_201_and_a_location_that_nobody_guesses(live: Live) -> None:
    async with joined(live.whep) as one, joined(live.whep) as two:
        assert one.headers["content-type"] == SDP
        assert one.headers["location"].startswith("/whep/")
        assert len(one.headers["location"]) > 20
        assert one.headers["location"] != two.headers["location"]
        assert one.headers["etag"].startswith('"')
        assert "link" not in one.headers
        assert one.answer.startswith("v=0")


async def test_delete_ends_the_session_at_once_and_only_once(live: Live, http: httpx.AsyncClient) -> None:
    async with joined(live.whep) as peer:
        assert (await http.delete(peer.headers["location"])).status_code == 200
        assert live.sessions_now == 0
        assert (await http.delete(peer.headers["location"])).status_code == 404
        await until(lambda: peer.connection.connectionState == "closed")


async def test_trickled_candidates_need_the_session_s_etag(live: Live, http: httpx.AsyncClient) -> None:
    async with joined(live.whep) as peer:
        location, etag = peer.headers["location"], peer.headers["etag"]
        body = (
            "a=mid:0\r\na=candidate:1 1 udp 2130706431 127.0.0.1 40000 typ host\r\n"
            "a=candidate:2 1 udp 1 hidden.local 9 typ host\r\n"
        )

        async def patch(content: str, **headers: str) -> int:
            sent = {"Content-Type": FRAGMENT, **headers}
            return (await http.patch(location, content=content, headers=sent)).status_code

        assert await patch(body, **{"If-Match": etag}) == 204
        assert await patch(body) == 428
        assert await patch(body, **{"If-Match": '"stale"'}) == 412
        assert await patch("a=candidate:nonsense", **{"If-Match": etag}) == 400
        assert await patch("a=ice-ufrag:another", **{"If-Match": etag}) == 422
        assert await patch(body, **{"If-Match": etag, "Content-Type": "text/plain"}) == 415
        assert (
            await http.patch("/whep/none", content=body, headers={"Content-Type": FRAGMENT})
        ).status_code == 404


@pytest.mark.parametrize(
    ("content", "content_type", "status", "says"),
    [
        ("v=0", "text/plain", 415, "expected Content-Type application/sdp, got text/plain"),
        ("nonsense", SDP, 400, "SDP offer"),
        ("", SDP, 400, "SDP offer"),
        ("v=0\r\nm=video x y z\r\n", SDP, 400, "SDP offer"),
        ("v=0\r\n" + "a=x\r\n" * 20000, SDP, 413, "at most"),
        (b"\xff\xfe", SDP, 400, "UTF-8"),
    ],
)
async def test_bad_offers_get_one_clear_line(
    http: httpx.AsyncClient, content: str | bytes, content_type: str, status: int, says: str
) -> None:
    response = await http.post("/whep", content=content, headers={"Content-Type": content_type})
    assert response.status_code == status
    assert says in response.json()["detail"]
    assert "\n" not in response.json()["detail"]


async def test_every_truncation_of_an_offer_is_refused_or_answered_and_nothing_stays(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stream.session._CONNECT_S", 0.2)
    connection, sdp = await offer("audio", "video")
    lines = sdp.splitlines(keepends=True)
    for count in range(0, len(lines), 8):
        assert (await post(live.whep, "".join(lines[:count]))).status_code in (201, 400, 406)
        without_one = "".join(lines[:count] + lines[count + 1 :])
        assert (await post(live.whep, without_one)).status_code in (201, 400, 406)
    await connection.close()
    await until(lambda: live.sessions_now == 0)
    assert live.broadcast.live


async def test_an_offer_that_takes_no_h264_is_told_so(live: Live) -> None:
    connection, sdp = await offer(mime="video/vp8")
    response = await post(live.whep, sdp)
    assert response.status_code == 406
    assert "H.264" in response.json()["detail"] and "VP8" in response.json()["detail"]
    await connection.close()


async def test_an_offer_that_sends_video_is_told_so(live: Live) -> None:
    connection, sdp = await offer(direction="sendonly")
    response = await post(live.whep, sdp)
    assert (response.status_code, "recvonly" in response.json()["detail"]) == (400, True)
    await connection.close()


async def test_an_offer_with_audio_only_is_told_so(live: Live) -> None:
    connection, sdp = await offer("audio")
    response = await post(live.whep, sdp)
    assert (response.status_code, "video section" in response.json()["detail"]) == (400, True)
    await connection.close()


async def test_before_the_broadcast_is_live_viewers_are_asked_to_try_again(page: Path) -> None:
    async with idle(page) as http:
        response = await http.post("/whep", content="v=0", headers={"Content-Type": SDP})
        assert (response.status_code, response.headers["retry-after"]) == (409, "2")
        ready = await http.get("/readyz")
        assert (ready.status_code, ready.json()["status"]) == (503, "starting")
        assert (await http.get("/healthz")).status_code == 200


async def test_when_all_places_are_taken_the_next_viewer_is_asked_to_try_again(page: Path) -> None:
    async with serving(page, max_viewers=1) as live, joined(live.whep):
        connection, sdp = await offer()
        response = await post(live.whep, sdp)
        assert (response.status_code, response.headers["retry-after"]) == (503, "2")
        await connection.close()


async def test_many_offers_at_once_never_exceed_the_places(page: Path) -> None:
    async with serving(page, max_viewers=2) as live:
        connection, sdp = await offer()
        answers = await asyncio.gather(*(post(live.whep, sdp) for _ in range(6)))
        assert sorted(answer.status_code for answer in answers) == [201, 201, 503, 503, 503, 503]
        await connection.close()


async def test_a_token_guards_the_sessions_and_nothing_else(page: Path) -> None:
    async with serving(page, token="secret") as live, httpx.AsyncClient(base_url=live.url) as http:
        connection, sdp = await offer()
        assert (await post(live.whep, sdp)).status_code == 401
        assert (await post(live.whep, sdp, Authorization="Bearer wrong")).status_code == 401
        answer = await post(live.whep, sdp, Authorization="Bearer secret")
        assert answer.status_code == 201
        assert (await http.delete(answer.headers["location"])).status_code == 401
        assert (await http.get("/api/status")).status_code == 200
        await connection.close()


async def test_options_tell_browsers_what_they_may_do(page: Path) -> None:
    async with idle(page) as http:
        response = await http.options("/whep", headers={"Origin": "http://elsewhere"})
        assert response.status_code == 204
        assert response.headers["accept-post"] == SDP
        assert response.headers["access-control-allow-origin"] == "*"
        assert {"Location", "ETag", "Link"} <= set(
            response.headers["access-control-expose-headers"].split(", ")
        )
        assert "PATCH" in response.headers["access-control-allow-methods"]
        assert "If-Match" in response.headers["access-control-allow-headers"]


async def test_publishers_are_told_that_there_is_no_whip(page: Path) -> None:
    async with idle(page) as http:
        response = await http.post("/whip", content="v=0", headers={"Content-Type": SDP})
        assert (response.status_code, "WHIP" in response.json()["detail"]) == (501, True)


@pytest.mark.parametrize("path", ["/", "/whep/none", "/player.mjs", "/api/status", "/nothing", "/heads"])
async def test_every_response_is_fit_for_cross_origin_isolation(page: Path, path: str) -> None:
    async with idle(page) as http:
        response = await http.get(path)
        assert response.headers["cross-origin-opener-policy"] == "same-origin"
        assert response.headers["cross-origin-embedder-policy"] == "require-corp"


async def test_a_packed_file_goes_to_those_who_take_it(page: Path) -> None:
    wasm = (page / "ort.wasm").read_bytes()
    (page / "ort.wasm.gz").write_bytes(gzip.compress(b"packed " + wasm))
    async with idle(page) as http:
        packed = await http.get("/ort.wasm", headers={"Accept-Encoding": "gzip, br"})
        plain = await http.get("/ort.wasm", headers={"Accept-Encoding": "identity"})
    assert packed.headers["content-encoding"] == "gzip" and packed.content == b"packed " + wasm
    assert "content-encoding" not in plain.headers and plain.content == wasm
    assert packed.headers["content-type"] == plain.headers["content-type"] == "application/wasm"
    assert packed.headers["vary"] == plain.headers["vary"] == "Accept-Encoding"
    assert packed.headers["etag"] != plain.headers["etag"]


@pytest.mark.parametrize(
    ("path", "content_type", "caching"),
    [
        ("/", "text/html; charset=utf-8", "no-store"),
        ("/player.mjs", "text/javascript", "no-cache"),
        ("/ort.wasm", "application/wasm", "no-cache"),
    ],
)
async def test_the_page_is_served_with_types_that_browsers_accept(
    page: Path, path: str, content_type: str, caching: str
) -> None:
    async with idle(page) as http:
        response = await http.get(path)
        assert response.status_code == 200
        assert response.headers["content-type"].startswith(content_type)
        assert response.headers["cache-control"] == caching


@pytest.mark.parametrize(
    "path", ["/../secret.txt", "/%2e%2e/secret.txt", "/..%2fsecret.txt", "/x/../../secret.txt"]
)
async def test_nothing_outside_the_page_s_folder_is_served(live: Live, path: str) -> None:
    host, port = live.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))  # httpx would tidy the path up
    writer.write(f"GET {path} HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()
    assert answer.startswith(b"HTTP/1.1 404")
    assert b"secret" not in answer.split(b"\r\n\r\n", 1)[1]


async def test_heads_are_listed_and_only_their_two_files_are_served(page: Path, tmp_path: Path) -> None:
    class Shelf(Heads):
        def file(self, name: str, file: str) -> Path | None:
            return tmp_path / file if name == "one" else None

    for name in ("head.json", "head.onnx", "network.py"):
        (tmp_path / name).write_text("{}")
    app = create_app(make_broadcast(), page, Shelf(), {"ab": {"fingerprint": "ab"}})
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://here") as http:
        listed = await http.get("/heads")
        assert listed.json() == {"heads": Shelf().entries()}
        known = {"If-None-Match": listed.headers["etag"]}
        assert (await http.get("/heads", headers=known)).status_code == 304
        assert (await http.get("/heads/one/head.onnx")).headers["content-type"] == "application/octet-stream"
        assert (await http.get("/heads/one/head.json")).status_code == 200
        for path in ("/heads/one/network.py", "/heads/two/head.json", "/heads/one/..%2fsecret.txt"):
            assert (await http.get(path)).status_code == 404
        for accepted in ("gzip", "identity"):
            spec = await http.get("/spec/ab", headers={"Accept-Encoding": accepted})
            assert spec.json() == {"fingerprint": "ab"}
            assert spec.headers.get("content-encoding", "identity") == accepted
        assert (await http.get("/spec/cd")).status_code == 404


async def test_a_graph_under_the_address_of_its_content_is_kept_by_browsers(
    page: Path, tmp_path: Path
) -> None:
    class Shelf(Heads):
        def file(self, name: str, file: str) -> Path | None:
            return tmp_path / file

    (tmp_path / "head.onnx").write_bytes(b"graph")
    digest = hashlib.sha256(b"graph").hexdigest()
    app = create_app(make_broadcast(), page, Shelf(), {})
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://here") as http:
        for query, kept in (
            (f"?v={digest[:12]}", True),
            ("?v=" + "0" * 12, False),
            (f"?v={digest[:1]}", False),
            ("", False),
        ):
            answer = await http.get(f"/heads/one/head.onnx{query}")
            assert ("immutable" in answer.headers["cache-control"]) is kept, query
            assert answer.content == b"graph"


async def test_status_readiness_and_metrics_tell_what_flows(live: Live, http: httpx.AsyncClient) -> None:
    async with joined(live.whep):
        await until(lambda: live.connected_now == 1)
        status = (await http.get("/api/status")).json()
        assert status["state"] == "live" and status["viewers"] == 1 and status["frames"] > 0
        assert status["spec"] == "f" * 64 and status["rate"] == "default"
        assert 3000 < status["feature_bytes_mean"] < 3200
        assert (await http.get("/readyz")).status_code == 200
        assert await live.metric("viewers") == 1
        assert await live.metric("sessions_total") == 1
        assert await live.metric("frames_total") > 0
        assert await live.metric("frames_without_features_total") == 0


async def test_a_stalled_source_is_not_ready(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stream.broadcast._STALLED_S", 0.3)
    opening = chain([numbered_source(5, OSError("the camera hung up"))], repeat(None))

    def opened() -> Source:
        source = next(opening)
        if source is None:
            raise SourceError("the camera is away")
        return source

    async with serving(page, opened) as live:
        await until(lambda: live.broadcast.status()["state"] == "restarting")
        async with httpx.AsyncClient() as http:
            ready = await http.get(f"{live.url}/readyz")
        assert ready.status_code == 503
        assert "the camera" in ready.json()["detail"]


def test_a_port_in_use_is_told_in_one_line(page: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortInUse, match=f"port {port} on 127.0.0.1 is in use") as error:
            serve(create_app(make_broadcast(), page, Heads(), {}), port=port)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("host", ["203.0.113.7", "no such host"])
def test_a_host_that_is_not_here_is_told_in_one_line(page: Path, host: str) -> None:
    with pytest.raises(OSError, match="cannot listen on"):
        serve(create_app(make_broadcast(), page, Heads(), {}), host=host, port=0)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_server_with_its_sessions_and_exit_status_0(
    page: Path, repository: Path, number: signal.Signals
) -> None:
    program = (
        "import sys; sys.path.insert(0, '.'); from pathlib import Path;"
        "from stream.server import create_app, serve;"
        "from tests.stream.live.rig import Heads, make_broadcast;"
        "serve(create_app(make_broadcast(), Path(sys.argv[1]), Heads(), {}), port=0,"
        " on_ready=lambda url: print(url, flush=True)); print('ended', flush=True)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(page)], cwd=repository, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert httpx.get(f"{url}/healthz").status_code == 200
        process.send_signal(number)
        assert process.stdout.read().strip() == "ended"
    assert process.returncode == 0
