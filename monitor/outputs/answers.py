"""The form of every answer in JSON."""

from __future__ import annotations

from aiohttp import web

from monitor.outputs import wire


def answer(value: object, *, status: int = 200) -> web.Response:
    """Give an answer in JSON that nobody may keep."""
    return web.Response(
        body=wire.encode(value), status=status, content_type="application/json", headers={"Cache-Control": "no-store"}
    )


def refusal(status: int, code: str, message: str, **more: object) -> web.Response:
    """Give an error in JSON: a stable code, a sentence that names the mend, and what else helps."""
    return answer({"error": {"code": code, "message": message, **more}}, status=status)
