"""The messages: too many, none, or late answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.demo.mischief import Kind

if TYPE_CHECKING:
    from monitor.demo.traffic import Mode, Traffic


def kinds(traffic: Traffic) -> dict[str, Kind]:
    async def slow_down() -> None:
        traffic.slow_bot = True

    async def speed_up() -> None:
        traffic.slow_bot = False

    return {
        "spike-traffic": _mode(traffic, "spike", "adds about 40 messages a second, as a loop of two bots does"),
        "silence-traffic": _mode(traffic, "silence", "lets nobody say anything any more; cron jobs go on"),
        "slow-bot": Kind(
            "messages",
            "lets the bot answer 20 to 30 s later than usual; the conversations go on",
            slow_down,
            speed_up,
            lambda: traffic.slow_bot,
        ),
    }


def _mode(traffic: Traffic, mode: Mode, about: str) -> Kind:
    async def break_() -> None:
        traffic.change(mode)

    async def mend() -> None:
        if traffic.mode == mode:
            traffic.change("normal")

    return Kind("messages", about, break_, mend, lambda: traffic.mode == mode)
