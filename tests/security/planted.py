"""A platform whose every secret is a canary, its neighbours, and whoever asks its monitor, rightly and wrongly."""

from __future__ import annotations

import json
import time
from pathlib import Path
from urllib.parse import quote

from monitor.access.tokens import TokenStore
from monitor.demo.links import User
from monitor.demo.session_cookie import NAME, mint
from tests.access import minting
from tests.canaries import Canaries
from tests.daemon import FLAGS
from tests.security.sweeping import Echo, Headers, kept
from tests.watched import Platform

KEY, OTHER_KEY, FLAG = "system.anthropic_api_key", "system.openai_api_key", "system.intent_llm_enabled"
MODEL = "system.anthropic_model"
ADMIN = User(1, "Super admin 1", "superadmin1@example.test", "super_admin")
SECOND = User(2, "System admin 1", "systemadmin1@example.test", "system_admin")
COUNSELOR = User(11, "Counselor 1", "counselor1@example.test", "counselor")


def bearer(text: str) -> Headers:
    return {"Authorization": f"Bearer {text}"}


class Planted:
    """A platform whose every secret is a canary, its neighbours, and who asks."""

    def __init__(self, platform: Platform, folder: Path, canaries: Canaries, echo: Echo) -> None:
        # What is no secret is shown: so the search would find what is.
        self.shown = Canaries(5)
        self.platform, self.folder, self.canaries, self.echo = platform, folder, canaries, echo
        plant, now = canaries.plant, time.time()
        self.passwords = {role: plant(f"password of {role}") for role in ("huph_monitor", "huph_monitor_editor")}
        self.broker_secret = plant("broker's secret")
        self.newest, self.older = plant("NextAuth's newest secret"), plant("NextAuth's older secret")
        self.pgpassword, self.glass = plant("PGPASSWORD"), plant("break-glass", amid='"\\%&+?#=;:@,')
        self.query, self.valkey = plant("token in a service's address"), plant("Valkey's password")
        self.store = folder / "access" / "tokens.db"
        tokens = TokenStore(self.store)
        self.tokens = {
            name: canaries.know(f"{name} token", tokens.add(name, scope, 1, now))
            for name, scope in {"admin": "admin", "reader": "read", "former": "admin", "command": "stream"}.items()
        }
        tokens.revoke("former", now)
        tokens.close()
        self.cookies = {
            name: canaries.know(f"session of {name}", mint(secret, user, int(now - ago)))
            for name, secret, user, ago in (
                ("admin", self.newest, ADMIN, 0),
                ("second", self.older, SECOND, 0),
                ("counselor", self.newest, COUNSELOR, 0),
                ("yesterday", self.newest, ADMIN, 86_400),
            )
        }
        told = {"sub": str(ADMIN.id), "role": ADMIN.role, "name": ADMIN.name, "email": ADMIN.email}
        (younger,) = minting.mint([minting.V5.session(self.newest, **told)])
        self.cookies["younger NextAuth"] = canaries.know("session of a younger NextAuth", younger)
        self.wrong = {
            "wrong token": bearer("hm_" + canaries.plant("wrong token", amid="_-" * 9)),
            "wrong break-glass": bearer(canaries.plant("wrong break-glass", amid="!" * 20)),
            "wrong scheme": {"Authorization": f"Basic {canaries.plant('wrong scheme', amid='/+')}"},
            "wrong session": {"Cookie": f"{NAME}={canaries.plant('wrong session', amid='.x.' * 9)}"},
            "forged session": {"Cookie": f"{NAME}={canaries.know('forged session', mint('f' * 40, ADMIN, int(now)))}"},
        }
        self.callers = {
            **{f"{name} token": bearer(text) for name, text in self.tokens.items()},
            **{
                f"session of {name}": {"Cookie": f"a=b; {minting.V5.name if 'younger' in name else NAME}={text}"}
                for name, text in self.cookies.items()
            },
            "break-glass": bearer(self.glass),
            "nobody": {},
            **self.wrong,
        }
        self.values = {name: plant(f"{name} value") for name in ("first", "second", "never")}
        self.old = {key: plant(f"old {key}") for key in (KEY, OTHER_KEY)}

    async def furnish(self) -> None:
        """Plant what lies in the platform: passwords, settings, flags, and the error text of a job."""
        own = self.platform
        for role, password in self.passwords.items():
            await self.change_password(role, password)
        trusting = (hba := own.postgres.base / "hba.conf").read_text()
        hba.write_text("".join(f"host all {role} 127.0.0.1/32 scram-sha-256\n" for role in self.passwords) + trusting)
        await own.connection.execute("select pg_reload_conf()")
        for key, value in self.old.items():
            await own.connection.execute("update system_settings set value = $2 where key = $1", key, value)
        inside = quote(self.canaries.plant("address in an error text"), safe="")
        await own.connection.execute(
            "insert into cron_runs (job, status, finished_at, error_message) values ('follow_up', 'failed', now(), $1)",
            f"could not reach postgresql://app:{inside}@db:5432/huph",
        )
        for sender in ("user", "bot"):
            await own.write(sender)
        beside = {name: self.canaries.plant(f"{name} in .env") for name in ("OPENAI_API_KEY", "DATABASE_URL")}
        (self.folder / "flags.env").write_text(
            FLAGS + "".join(f"{name}={json.dumps(text, ensure_ascii=False)}\n" for name, text in beside.items())
        )

    async def change_password(self, role: str, password: str) -> None:
        connection = self.platform.connection
        written = await connection.fetchval("select quote_literal($1)", password)
        await connection.execute(f"alter role {role} password {written}")

    async def end_sessions(self) -> None:
        await self.platform.connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where usename like 'huph_monitor%'"
        )

    def secrets(self) -> dict[str, Path]:
        """Give the configuration by files: their names, and how it names them."""
        files = {
            "access.nextauth_secret_file": f"{self.newest}\n{self.older}\n",
            "access.break_glass_file": self.glass,
            "broker.secret_file": f"{self.broker_secret}\n{self.older}\n",
            "database.password_file": self.passwords["huph_monitor"],
            "database.edit_password_file": self.passwords["huph_monitor_editor"],
            "valkey": self.valkey,
        }
        return {key: kept(self.folder / key, text) for key, text in files.items()}

    def services(self) -> str:
        url = f"{self.echo.http}/health?token={quote(self.query, safe='')}"
        valkey = f'kind = "valkey", address = "{self.echo.line}", password_file = "{self.folder / "valkey"}"'
        rest = ", ".join(f'{name}.url = ""' for name in ("langfuse", "milvus", "admin"))
        return f'services = {{ dify.url = "{url}", huph-api.url = "{url}", valkey = {{ {valkey} }}, {rest} }}'

    def variables(self, files: dict[str, Path]) -> dict[str, str]:
        return {
            "PGPASSWORD": self.pgpassword,
            **{
                f"HUPH_MONITOR_{key.replace('.', '_').upper()}": str(path)
                for key, path in files.items()
                if key.startswith("database.")
            },
        }

    def access(self, files: dict[str, Path]) -> str:
        return (
            f'nextauth_secret_file = "{files["access.nextauth_secret_file"]}"\n'
            f'break_glass_file = "{files["access.break_glass_file"]}"\ntokens = "{self.store}"\n'
        )

    def more(self, files: dict[str, Path], broker: str) -> str:
        return f'[broker]\nurl = "{broker}"\nsecret_file = "{files["broker.secret_file"]}"\n[log]\nlevel = "debug"\n'
