"""What an edit, and whoever asks for a ticket, may bring: each bound at its last good value and at the next one."""

from __future__ import annotations

import gzip
import json

import pytest

from monitor.outputs.routes.session import MOST_LETTERS
from monitor.outputs.routes.settings import EDITS, LOOKS, PACE_S
from monitor.outputs.server import BODY_BYTES
from monitor.settings.editor import REASON
from tests.doors import EDITING
from tests.outputs import whole

KEY = next(iter(whole.SETTINGS))


async def send(window, body, *, token="edit", method="PATCH", path=f"settings/{KEY}", **headers):
    """Send a body as somebody; give the status, and how long to wait."""
    known = {**EDITING, "Authorization": f"Bearer {token}", "If-Match": '"3"', **headers}
    sent = body if isinstance(body, str) else json.dumps(body)
    async with window.http.request(method, f"{window.url}api/v1/{path}", headers=known, data=sent) as response:
        await response.read()
        return response.status, response.headers.get("Retry-After")


async def test_edits(show):
    """Ten edits in a minute are tried for one caller, wherever it comes from; the next one is told how long to wait."""
    window = await show()
    assert (EDITS, PACE_S) == (10, 60)
    for number in range(EDITS):
        # What is refused is a try as well: else values could be guessed by their conflicts.
        assert (await send(window, {"value": "new"} if number % 2 else "nonsense"))[0] in {200, 400}
        window.clock.advance(1)
    seen = len(window.desk.edits_seen)
    assert await send(window, {"value": "new"}) == (429, "51")
    assert await send(window, {"value": "new"}, **{"X-Forwarded-For": "192.0.2.7"}) == (429, "51")
    window.clock.advance(49.9)
    assert (await send(window, {"value": "new"}))[0] == 429
    assert len(window.desk.edits_seen) == seen
    window.clock.advance(0.2)
    assert (await send(window, {"value": "new"}))[0] == 200
    assert (await send(window, {"value": "new"}))[0] == 429


async def test_looks(show):
    """Thirty looks at the past in a minute are answered to one caller; they cost the platform a connection each."""
    window = await show()
    assert LOOKS == 30
    read = {"Authorization": "Bearer read"}

    async def look():
        async with window.http.get(f"{window.url}api/v1/settings/{KEY}/history", headers=read) as response:
            return response.status

    assert [await look() for _ in range(LOOKS + 1)] == [200] * LOOKS + [429]
    window.clock.advance(PACE_S)
    assert await look() == 200


async def test_edits_of_another(show):
    """Who may not edit does not use up the tries of who may."""
    window = await show()
    for _ in range(EDITS + 1):
        assert (await send(window, {"value": "new"}, token="stream"))[0] == 403
    assert (await send(window, {"value": "new"}))[0] == 200


@pytest.mark.parametrize(
    ("method", "path", "good"), [("PATCH", f"settings/{KEY}", 200), ("POST", "stream-ticket", 201)]
)
@pytest.mark.parametrize("chunked", [False, True])
async def test_body(show, method, path, good, chunked):
    """A body of 64 KiB is read, a longer one is not, whether or not its length is told before."""
    window = await show()
    assert BODY_BYTES == 64 << 10
    wish = json.dumps({"value": "new"} if method == "PATCH" else {})
    for size, status in ((BODY_BYTES, good), (BODY_BYTES + 1, 413)):
        sent = wish.ljust(size)

        async def parts(sent=sent):
            yield sent.encode()

        headers = {**EDITING, "If-Match": '"3"'}
        body = parts() if chunked else sent
        async with window.http.request(method, f"{window.url}api/v1/{path}", headers=headers, data=body) as response:
            assert response.status == status


async def test_packed(show):
    """A packed body is not unpacked: a small one could become as large as it likes."""
    window = await show()
    headers = {**EDITING, "If-Match": '"3"', "Content-Encoding": "gzip"}
    address, body = f"{window.url}api/v1/settings/{KEY}", gzip.compress(b'{"value": "new"}')
    async with window.http.patch(address, headers=headers, data=body) as response:
        assert response.status == 400
    assert window.desk.edits_seen == []


async def test_reason(show):
    """A reason of 500 characters is kept, whatever each takes; one more is refused, and nothing is written."""
    window = await show()
    assert REASON == 500
    assert (await send(window, {"value": "new", "reason": "é🎓" * 250}))[0] == 200
    assert window.desk.edits_seen[-1].reason == "é🎓" * 250
    assert (await send(window, {"value": "new", "reason": "é🎓" * 250 + "x"}))[0] == 400
    assert len(window.desk.edits_seen) == 1


async def test_ticket(show):
    """What a ticket is bound to is 1000 characters at the most."""
    window = await show()
    for more, status in ((0, 201), (1, 400)):
        wish = {"origin": "o" * 400, "agent": "a" * (MOST_LETTERS - 400 + more)}
        assert (await send(window, wish, method="POST", path="stream-ticket"))[0] == status


@pytest.mark.parametrize(
    "version",
    [
        *(
            '"999999999999999999"',
            '"1000000000000000000"',
            '"-1"',
            '"1.0"',
            'W/"3"',
            "*",
            '"1", "2"',
            '"1", x',
            '"1" "2"',
        ),
        *("1", "x", '""', "", '"1"x', "'1'", '"³"'),
    ],
)
async def test_version(show, version):
    """A version is a whole number of at most 18 digits, one, and not a weak one."""
    window = await show()
    status, _ = await send(window, {"value": "new"}, **{"If-Match": version})
    assert status == (200 if version == '"999999999999999999"' else 428)
