"""Lets callers in by what they show, or turns them away; nobody comes in by any other way."""

from __future__ import annotations

from dataclasses import dataclass

from monitor.access.break_glass import BreakGlass
from monitor.access.caller import Caller, Code, Level, RefusedError
from monitor.access.nextauth import NextAuth
from monitor.access.roles import Roles
from monitor.access.rules import Rules
from monitor.access.tickets import Tickets
from monitor.access.tokens import TokenStore

ANYBODY = Caller("open", "anybody", Level.STREAM)


@dataclass(frozen=True, slots=True)
class Knock:
    """What somebody shows: the headers Cookie and Authorization as they came, and whether this very machine asks."""

    cookies: str
    authorization: str
    loopback: bool


class Gate:
    """The ways in; one that is None is not configured. All instants are Unix seconds."""

    def __init__(
        self,
        rules: Rules,
        *,
        nextauth: NextAuth | None = None,
        roles: Roles | None = None,
        tokens: TokenStore | None = None,
        glass: BreakGlass | None = None,
    ) -> None:
        self.rules = rules
        self._nextauth = nextauth
        self._roles = roles if roles is not None else Roles(())
        self._tokens = tokens
        self._glass = glass
        self._tickets = Tickets()

    @property
    def troubles(self) -> tuple[str, ...]:
        """Why ways in that are configured cannot be used, as far as it was seen: sentences for who runs the monitor."""
        return tuple(way.trouble for way in (self._tokens, self._glass) if way is not None and way.trouble)

    async def settled(self, caller: Caller, now: float) -> Code | None:
        """Wait, for a second at most, for what the platform says of a user who is new; say what keeps him out."""
        if caller.kind != "user":
            return None
        await self._roles.read(caller.user_id)
        return self._roles.judge(caller.user_id, caller.role, now)

    def admit(self, knock: Knock, now: float) -> Caller:
        """Say who it is; raises `RefusedError`. What is shown by hand decides before what a browser sends by itself."""
        anybody = self.rules.open and knock.loopback
        try:
            if (token := _token(knock.authorization)) is not None:
                return self.bearer(token, loopback=knock.loopback, now=now)
            caller = self._signed_in(knock.cookies, now)
        except RefusedError:
            # A cookie that some other program of this machine has set must not shut an open door.
            if anybody:
                return ANYBODY
            raise
        if caller is not None:
            return caller
        if anybody:
            return ANYBODY
        raise RefusedError("sign_in")

    def bearer(self, text: str, *, loopback: bool, now: float) -> Caller:
        """Say whose token this is (RFC 6750, 2.1); raises `RefusedError`."""
        if self._glass is not None and loopback:
            try:
                return self._glass.find(text, loopback=loopback, now=now)
            except RefusedError:
                pass
        if self._tokens is None:
            raise RefusedError("sign_in")
        return self._tokens.find(text, now)

    def issue(self, caller: Caller, origin: str, agent: str, now: float) -> str:
        """Give a ticket, with which a browser of this origin and user agent comes in once as the same caller."""
        return self._tickets.issue(caller, origin, agent, now)

    def redeem(self, ticket: str, origin: str, agent: str, *, loopback: bool, now: float) -> Caller:
        """Say whose ticket this is, and take it; raises `RefusedError`. One that was got by being here is good here."""
        caller = self._tickets.redeem(ticket, origin, agent, now)
        if caller.kind in {"open", "break_glass"} and not loopback:
            raise RefusedError("sign_in")
        if code := self.still(caller, now):
            raise RefusedError(code)
        return caller

    def still(self, caller: Caller, now: float) -> Code | None:
        """Say what has happened to somebody who was let in, so that he may stay no longer; None while he may."""
        if caller.expires_at is not None and now >= caller.expires_at:
            return "expired"
        if caller.kind == "user":
            return self._roles.judge(caller.user_id, caller.role, now)
        refused = None
        if caller.kind == "token" and self._tokens is not None:
            refused = self._tokens.standing(caller, now)
        if caller.kind == "break_glass" and self._glass is not None:
            refused = self._glass.standing(caller, now)
        return refused.code if refused is not None else None

    def _signed_in(self, cookies: str, now: float) -> Caller | None:
        if self._nextauth is None:
            return None
        claims = self._nextauth.read(cookies, now)
        if claims is None:
            return None
        if code := self._roles.judge(claims.sub, claims.role, now):
            raise RefusedError(code)
        return Caller(
            kind="user",
            name=claims.email or claims.name or claims.sub,
            level=Level.EDIT,
            user_id=claims.sub,
            role=claims.role,
            expires_at=claims.exp,
            ambient=True,
        )


def _token(authorization: str) -> str | None:
    """Give the token; None for another scheme, which is a proxy's that asks for a password of its own."""
    scheme, _, token = authorization.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None
