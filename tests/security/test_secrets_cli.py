"""The command line tells no secret: not of a configuration that is wrong, nor of one that is right, nor of a token."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest

from monitor import cli
from monitor.demo.port import free_port
from tests.canaries import AMID, Canaries
from tests.security.sweeping import Heard, command, kept


def mistakes(canaries, folder):
    """Give configurations with a mistake at, or beside, a secret: the lines of each, and its variables."""
    plant, short = canaries.plant, 'é"\\'
    good = 'database.dsn = "postgresql://u@127.0.0.1/huph"\naccess.open = true\n'
    dsn, access, broker = 'database.dsn = "{}"\naccess.open = true\n', "{}\n", 'broker.url = "http://127.0.0.1:1"\n'

    def text(slot, amid=AMID):
        return json.dumps(plant(slot, amid), ensure_ascii=False)

    def inner(slot):
        return quote(plant(slot), safe="")

    kept(folder / "short", plant("short secrets in a file", short) + "\n" + plant("others", short))
    kept(folder / "binary", "x").write_bytes(plant("not UTF-8").encode("utf-16"))
    for line in (
        dsn.format(f"postgresql://u:{inner('no host')}@:x/huph"),
        dsn.format(f"postgres//u:{inner('no scheme')}@db/huph"),
        dsn.format(f"postgresql://u@db:port/huph?password={inner('password as an option')}"),
        dsn.format(f"host=db password={inner('key and value')}"),
        f"database.dsn = [{text('dsn in a list')}]\naccess.open = true",
        f"database.dsn = {text('unclosed')[:-1]}",
        f"database.dsn = {text('doubled')}\ndatabase.dsn = {text('doubled again')}",
        good + f"database.pasword = {text('misspelt')}",
        good + f"database.password = [{text('password in a list')}]",
        good + f"database.password = {{ x = {text('password in a table')} }}",
        good + f"database.edit_password = {text('without edit_dsn')}",
        good + f'database.password_file = "{folder / "binary"}"',
        good + f"database.{json.dumps('x')} = {text('unknown key')}",
        access.format(f'database.dsn = "postgresql://u@db/x"\naccess.nextauth_secret = {text("short", short)}'),
        good + f"access.nextauth_secret = [{text('secrets in a list')}]",
        good + f"access.nextauth_secrets = {text('misspelt secret')}",
        good + f'access.nextauth_secret_file = "{folder / "short"}"',
        good + f'access.nextauth_secret_file = "{folder / "binary"}"',
        good + f"access = {text('no table')}",
        good + broker + f"broker.secret = [{text('broker secret in a list')}]",
        good + broker + f"broker.secrets = {text('misspelt broker secret')}",
        good + f'broker.url = "http://u:{inner("password of a broker")}@127.0.0.1:1"',
        good + f'services.dify.url = "http://u:{inner("password of a service")}@127.0.0.1/"',
        good + f'services.dify.url = "ftp://127.0.0.1/?token={inner("token of a strange service")}"',
        good + f'services.dify.address = "http://127.0.0.1/?token={inner("token at a wrong key")}"',
        good + f'services.valkey.address = "redis://:{inner("password of Valkey")}@127.0.0.1:6379"',
        good + f'services.dify.url = "http://169.254.169.254/?token={inner("token of a closed address")}"',
        good + f'flags.source = "http"\nflags.url = "http://u:{inner("password of flags")}@127.0.0.1"',
    ):
        yield line, {}
    for name in ("DATABASE_PASWORD", "DATABASE_DSN", "ACCESS_NEXTAUTH_SECRETS", "BROKER_SECRETS", "PASSWORD"):
        yield good, {f"HUPH_MONITOR_{name}": plant(f"variable {name}")}
    yield good, {"HUPH_MONITOR_ACCESS_NEXTAUTH_SECRET": plant("short variable", short)}


def told(capsys, *words):
    """Run a command; give its code, and what it said to whom."""
    try:
        code = cli.run([str(word) for word in words])
    except SystemExit as end:
        code = int(end.code or 0)
    return code, capsys.readouterr()


def test_bad_configurations(tmp_path, capsys, monkeypatch):
    """Whatever is wrong with a configuration, the mistake is told by its key, and never by the secret at it."""
    heard, canaries, passed = Heard(), Canaries(7), []
    for number, (lines, variables) in enumerate(mistakes(canaries, tmp_path)):
        file = kept(tmp_path / f"{number}.toml", lines)
        with monkeypatch.context() as environment:
            for name, text in variables.items():
                environment.setenv(name, text)
            code, said = told(capsys, "serve", "--dry-run", "--config", file)
        assert said.out + said.err
        heard.note(f"mistake {number}", said.out + said.err)
        passed += [lines] if code != 2 else []
    assert passed == []
    assert len(canaries.slots) >= 35
    assert heard.leaks(canaries) == []


@pytest.mark.timeout(120)
async def test_command_line(tmp_path):
    """What is right is not said either; a token is printed once, when it is made."""
    heard, canaries, made = Heard(), Canaries(8), Heard()
    store, glass = tmp_path / "access" / "tokens.db", kept(tmp_path / "glass", canaries.plant("glass", "!" * 20))
    assert await command(made, "token", "add", "x", "--scope", "read", "--store", store) == 0
    token = canaries.know("token", next(word for word in made.said[0][1].split() if word.startswith("hm_")))
    quoted = {name: quote(canaries.plant(name), safe="") for name in ("dsn", "edit_dsn", "token in a URL")}
    query = f"?token={quoted['token in a URL']}"
    config = kept(
        tmp_path / "good.toml",
        f"""
        database.dsn = "postgresql://u:{quoted["dsn"]}@127.0.0.1/huph"
        database.edit_dsn = "postgresql://u:{quoted["edit_dsn"]}@127.0.0.1/huph"
        services.dify.url = "http://127.0.0.1/{query}"
        broker.url = "http://127.0.0.1:1/{query}"
        broker.secret = {json.dumps(canaries.plant("broker's secret"), ensure_ascii=False)}
        flags.source = "http"
        flags.url = "http://127.0.0.1/{query}"
        access.nextauth_secret = {json.dumps(canaries.plant("NextAuth's secret"), ensure_ascii=False)}
        access.tokens = "{store}"
        access.break_glass_file = "{glass}"
        """,
    )
    assert await command(heard, "serve", "--dry-run", "--config", config) == 0
    for words in (("list",), ("list", "--json"), ("add", "x", "--scope", "read"), ("revoke", "x"), ("add", token)):
        await command(heard, "token", *words, "--store", store)
    for url in (f"http://127.0.0.1:{free_port()}/", f"http://u:{quoted['dsn']}@127.0.0.1:1/{query}"):
        assert await command(heard, "check", "--url", url, "--timeout", 2, HUPH_MONITOR_TOKEN=token) == 3
    assert heard.leaks(canaries) == []
