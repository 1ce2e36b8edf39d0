"""Signing in to the demo: a link that works once, to a page of this machine, for a cookie as NextAuth 4 makes it."""

import re
from http.cookies import SimpleCookie
from urllib.parse import parse_qs, quote, urlsplit

import aiohttp
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from joserfc import jwe, jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from monitor.access.caller import RefusedError
from monitor.access.nextauth import NextAuth
from monitor.demo.links import LIFETIME_S, PAGE, USERS, Links, host_of
from monitor.demo.login import Login
from monitor.demo.port import free_port
from monitor.demo.services import ADMIN, Service
from monitor.errors import MonitorError
from monitor.secret import Secret
from tests.fakes import FakeClock

SECRET = "a secret of thirty-two characters"
MONTH_S = 30 * 24 * 3600


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def links(clock):
    return Links(free_port(), clock)


@pytest.fixture
async def ask(links, clock):
    """Ask the demo's admin as a browser does; give status, headers and text. Redirects are not followed."""
    login = Login(links, lambda: SECRET, clock)
    admin = Service(ADMIN, urlsplit(links.address).port, clock, login.routes)
    await admin.start()
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:

        async def request(url, method="GET", **headers):
            async with session.request(method, url, allow_redirects=False, headers=headers) as answer:
                return answer.status, answer.headers, await answer.text()

        yield request
    await admin.stop()


def cookie_of(headers):
    """The one cookie of an answer."""
    (text,) = headers.getall("Set-Cookie")
    (cookie,) = SimpleCookie(text).values()
    return cookie


def read(token, secret=SECRET):
    """Decrypt a session token by NextAuth's own rule, and by nothing more lenient than it."""
    key = HKDF(hashes.SHA256(), 32, salt=b"", info=b"NextAuth.js Generated Encryption Key").derive(secret.encode())
    registry = jwe.JWERegistry(algorithms=["dir", "A256GCM"])
    return jwt.decode(token, OctKey.import_key(key), registry=registry)


async def test_a_link_signs_in(links, ask, clock):
    """It leads to the page, with a session cookie for this host only that no script can read."""
    status, headers, _ = await ask(links.issue(page="http://127.0.0.1:9/hm/?a=b"))
    assert (status, headers["Location"]) == (303, "http://127.0.0.1:9/hm/?a=b")
    assert (headers["Cache-Control"], headers["Referrer-Policy"]) == ("no-store", "no-referrer")
    cookie = cookie_of(headers)
    assert cookie.key == "next-auth.session-token"
    assert {name: value for name, value in cookie.items() if value} == {
        "path": "/",
        "max-age": str(MONTH_S),
        "httponly": True,
        "samesite": "Lax",
    }
    token = read(cookie.value)
    assert token.header == {"alg": "dir", "enc": "A256GCM"}
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", token.claims.pop("jti"))
    assert token.claims == {
        "name": "Super admin 1",
        "email": "superadmin1@example.test",
        "sub": "1",
        "role": "super_admin",
        "iat": clock.wall,
        "exp": clock.wall + MONTH_S,
    }
    with pytest.raises(JoseError):
        read(cookie.value, "another secret of thirty-two bytes")


@pytest.mark.parametrize("role", USERS)
async def test_as_each_user(huph, links, ask, role):
    """The user of each role is one whom the platform's database knows."""
    _, headers, _ = await ask(links.issue(role))
    claims = read(cookie_of(headers).value).claims
    row = await huph.fetchrow("select id::text sub, name, email, role from users where id = $1", int(claims["sub"]))
    assert dict(row) == {name: claims[name] for name in ("sub", "name", "email", "role")}
    assert claims["role"] == role


async def test_the_monitor_reads_it(links, ask, clock):
    """What the monitor itself finds in the cookie is the user, and with another secret it finds nobody."""
    cookie = cookie_of((await ask(links.issue("counselor")))[1])
    header = f"{cookie.key}={cookie.value}"

    def found(secret):
        return NextAuth([Secret(secret)], max_age_s=3600, secure=None).read(header, clock.wall)

    claims = found(SECRET)
    assert (claims.sub, claims.role, claims.name, claims.iat) == ("11", "counselor", "Counselor 1", clock.wall)
    with pytest.raises(RefusedError, match="sign_in"):
        found("another secret of thirty-two bytes")


async def test_it_works_once(links, ask):
    """A second use is refused without a cookie, and says how to get another link; other links are not spent by it."""
    first, second = links.issue(), links.issue()
    assert first != second
    assert (await ask(first))[0] == 303
    status, headers, text = await ask(first)
    assert (status, "Set-Cookie" in headers) == (403, False)
    assert "huph-monitor demo info" in text
    assert "used already" in text
    assert f'href="{PAGE}"' in text
    assert (await ask(second))[0] == 303


async def test_only_reading_it_uses_it_up(links, ask):
    """A HEAD or a POST, by which a program may look at a link, does not spend it."""
    link = links.issue()
    for method in ("HEAD", "POST", "OPTIONS"):
        status, headers, _ = await ask(link, method)
        assert (status, "Set-Cookie" in headers) == (405, False)
    assert (await ask(link))[0] == 303


@pytest.mark.parametrize(("age", "status"), [(LIFETIME_S - 0.001, 303), (LIFETIME_S, 403)])
async def test_it_works_for_ten_minutes(links, ask, clock, age, status):
    """To the last moment it signs in; then it is as good as used."""
    assert LIFETIME_S == 600
    link = links.issue()
    clock.advance(age)
    assert (await ask(link))[0] == status


async def test_a_code_cannot_be_guessed(links, ask):
    """128 bits of chance, all of which count."""
    link = links.issue()
    code = parse_qs(urlsplit(link).query)["code"][0]
    assert len(code) == 22  # of 6 bits each
    others = {code[:-1], f"{code}A", code.swapcase(), "", "é", "%ff", "%00", f"{code}%00", f"{code}%20"}
    for other in others - {code}:
        assert (await ask(link.replace(code, other)))[0] == 403
    assert (await ask(link))[0] == 303


def test_they_are_bounded(links):
    """However many are asked for, the newest hundred wait; one that is too many puts out the oldest."""
    codes = [parse_qs(urlsplit(links.issue()).query)["code"][0] for _ in range(101)]
    assert len(set(codes)) == 101
    assert links.redeem(codes[0]) is None
    assert all(links.redeem(code) is not None for code in codes[1:])


@pytest.mark.parametrize(
    "page",
    [
        "http://127.0.0.1:8787/",
        "http://127.0.0.1",
        "http://127.0.0.1:80",
        "http://127.0.0.1:65535/hm/#db",
        "http://127.0.0.1//elsewhere.example/",
        "http://127.0.0.1/@elsewhere.example/?x=http://elsewhere.example",
        "http://localhost:8787/",
        "http://[::1]:8787/hm/",
    ],
)
async def test_pages_of_this_machine(links, ask, page):
    """A link asks by the name that its page has, to which the cookie then belongs, and leads to the page as given."""
    link = links.issue(page=page)
    assert urlsplit(link).hostname == urlsplit(page).hostname
    # Whatever the machine's names lead to, the admin is asked by this one.
    status, headers, _ = await ask(
        urlsplit(link)._replace(netloc=urlsplit(links.address).netloc).geturl(), Host=urlsplit(link).netloc
    )
    assert (status, headers["Location"]) == (303, page)
    assert links.issue().endswith(quote(page, safe=""))  # the page that was last named


@pytest.mark.parametrize(
    "page",
    [
        "http://elsewhere.example/",
        "http://127.0.0.1.elsewhere.example/",
        "http://elsewhere.example\\@127.0.0.1/",
        "http://127.0.0.1\\@elsewhere.example/",
        "http://127.0.0.1@elsewhere.example/",
        "http://127.0.0.1:80@elsewhere.example/",
        "http://user@127.0.0.1/",
        "http://127.0.0.1\\elsewhere.example/",
        "http://127.0.0.1/\\elsewhere.example",
        "http:\\\\elsewhere.example/",
        "http:///elsewhere.example/",
        "http:elsewhere.example",
        "//elsewhere.example/",
        "///elsewhere.example/",
        "/\\elsewhere.example/",
        "/",
        "",
        "https://127.0.0.1/",
        "HTTP://127.0.0.1/",
        "javascript:alert(1)",
        "javascript://127.0.0.1/%0aalert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        "http://127.0.0.1:0/",
        "http://127.0.0.1:65536/",
        "http://127.0.0.1:٨٠/",
        "http://127.0.0.1:/",
        "http://127.0.0.1:80:80/",
        "http://127.1/",
        "http://127.0.0.2/",
        "http://0x7f000001/",
        "http://2130706433/",
        "http://0.0.0.0/",
        "http://10.0.0.1/",
        "http://[::ffff:127.0.0.1]/",
        "http://[::]/",
        "http://localhost.elsewhere.example/",
        "http://localhost./",
        " http://127.0.0.1/",
        "http://127.0.0.1/ x",
        "http://127.0.0.1/\r\nSet-Cookie: a=b",
        "http://127.0.0.1/\n",
        "http://127.0.0.1/\t",
        "http://127.0.0.1/\x00",
        "http://127.0.0.1/é",
        "http://127.0.0.1?x",
        "http://127.0.0.1#@elsewhere.example/",
        "http://1\uff127.0.0.1/",
    ],
)
async def test_no_page_elsewhere(links, ask, page):
    """Nobody is led off this machine: no such link is given; one that is made by hand is refused and not used up."""
    with pytest.raises(MonitorError, match=re.escape(PAGE)):
        links.issue(page=page)
    link = links.issue()
    bad = link.partition("&to=")[0] + "&to=" + quote(page, safe="")
    status, headers, text = await ask(bad)
    assert (status, "Location" in headers, "Set-Cookie" in headers) == (400, False, False)
    assert "elsewhere.example" not in text
    assert (await ask(link))[0] == 303


async def test_a_page_under_another_name_is_refused(links, ask):
    """Asked as 127.0.0.1 it does not lead to localhost, where its cookie would not be sent."""
    link = links.issue()
    status, headers, _ = await ask(link.partition("&to=")[0] + "&to=http://localhost:8787/")
    assert (status, "Set-Cookie" in headers) == (400, False)
    assert (await ask(link))[0] == 303


@pytest.mark.parametrize(
    "host",
    ["elsewhere.example", "127.0.0.1.elsewhere.example", "localhost.elsewhere.example:80", "127.0.0.1@x", "[", "[::2]"],
)
async def test_a_foreign_name_is_refused(links, ask, host):
    """A site that points its own name at this machine gets no word and no cookie."""
    link = links.issue()
    for url in (link, links.address):
        status, headers, text = await ask(url, Host=host)
        assert status in {400, 403}
        assert "Set-Cookie" not in headers
        assert "demo info" not in text
    assert (await ask(link))[0] == 303


async def test_without_a_code(links, ask):
    """Who was only sent to sign in is told where links come from, in both languages, and cannot be framed."""
    status, headers, text = await ask(links.address + "?callbackUrl=http://127.0.0.1:8787/")
    assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert "huph-monitor demo info" in text
    assert "Masuklah dengan tautan sekali pakai." in text
    assert "Sign in with a one-time link." in text
    assert "$" not in text
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert "Set-Cookie" not in headers


async def test_a_page_is_no_markup(links, ask):
    """What stands in an address is shown as what it is."""
    page = 'http://127.0.0.1/"><script>alert(1)</script>'
    status, _, text = await ask(f"{links.address}?code=none&to={quote(page, safe='')}")
    assert host_of(page) == "127.0.0.1"
    assert status == 403
    assert "<script" not in text


def test_an_unknown_role_is_named(links):
    """The sentence says which there are."""
    with pytest.raises(MonitorError, match="'boss'; there are super_admin, system_admin, counselor"):
        links.issue("boss")
