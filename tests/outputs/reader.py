"""One who knows the stream from its AsyncAPI document alone, and holds all that comes to it."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from typing import Any
from urllib.parse import urlencode

import websockets

from monitor.client import Fold, Step
from tests.outputs.form import Form

Json = dict[str, Any]


class Reader:
    """One who has read the document, connects as it says, and holds everything that comes to it."""

    def __init__(self, document: Json) -> None:
        self.document = document
        self._form = Form(document)
        self.heard: dict[str, list[Json]] = defaultdict(list)

    @classmethod
    async def of(cls, server: Any) -> Reader:
        """Ask a server for its description."""
        status, document = await server.get("api/v1/asyncapi.json")
        assert status == 200
        return cls(document)

    def follow(self, pointer: Json) -> Json:
        """Give what a reference points to."""
        place: Any = self.document
        for step in pointer["$ref"].removeprefix("#/").split("/"):
            place = place[step]
        return place

    def address(self, channel: str, place: Json | None = None) -> str:
        """Build the address of a channel from its server, with a place that its query allows."""
        described = self.document["channels"][channel]
        (server,) = [self.follow(one) for one in described["servers"]]
        base = f"{server['protocol']}://{server['host']}{server.get('pathname', '')}{described['address']}"
        if place is None:
            return base
        bindings = described.get("bindings") or self.document["operations"]["read"]["bindings"]
        (binding,) = bindings.values()
        assert self._form.problems(binding["query"], place) == []
        return f"{base}?{urlencode(place)}"

    def connect(self, place: Json | None = None, **options: Any) -> websockets.connect:
        headers = self.document["channels"]["stream"]["bindings"]["ws"]["headers"]["properties"]
        protocol = headers["Sec-WebSocket-Protocol"]["const"]
        settings = {"subprotocols": [protocol], "proxy": None, "ping_interval": None, **options}
        return websockets.connect(self.address("stream", place), **settings)

    def sayable(self) -> dict[str, list[Json]]:
        """Give the examples of all that a client may say."""
        operations = [one for one in self.document["operations"].values() if one["action"] == "receive"]
        told = [self.follow(self.follow(pointer)) for one in operations for pointer in one["messages"]]
        return {one["name"]: [example["payload"] for example in one["examples"]] for one in told}

    def audible(self, channel: str) -> dict[str, Json]:
        """Give the messages that the server may say on a channel: what it sends of itself, and what it replies."""
        pointers = []
        for operation in self.document["operations"].values():
            pointers += operation["messages"] if operation["action"] == "send" else []
            pointers += operation.get("reply", {}).get("messages", [])
        named = {pointer["$ref"].rpartition("/")[2] for pointer in pointers if f"/{channel}/" in pointer["$ref"]}
        said = self.document["channels"][channel]["messages"]
        return {name: self.follow(said[name]) if "$ref" in said[name] else said[name] for name in named}

    def judge(self, channel: str, text: str, headers: Json | None = None) -> Json:
        """Hold one message to the form that it must have; give it."""
        message: Json = json.loads(text)
        described = self.audible(channel)[message["type"]]
        assert self._form.problems(described["payload"], message) == []
        if headers is not None:
            assert self._form.problems(described["headers"], headers) == []
        self.heard[message["type"]].append(message)
        return message

    def whole(self, plain: Any) -> None:
        """Hold a document that came about by applying patches to its form."""
        assert self._form.problems({"$ref": "#/components/schemas/Document"}, json.loads(json.dumps(plain))) == []

    async def hear(self, socket: websockets.ClientConnection, fold: Fold | None = None) -> Json:
        """Give the next message, and apply it."""
        async with asyncio.timeout(5):
            text = await socket.recv()
        assert isinstance(text, str)
        message = self.judge("stream", text)
        if fold is not None:
            assert fold.receive(message) is not Step.ASK
            if message["type"] in {"diff", "snapshot"}:
                assert fold.document is not None
                self.whole(fold.document.plain)
        return message

    async def last(self, socket: websockets.ClientConnection) -> tuple[list[Json], str]:
        """Hear to the end; give what was said, and whether it is of use to come back."""
        said = []
        try:
            while True:
                said.append(await self.hear(socket))
        except websockets.ConnectionClosed:
            codes = self.document["channels"]["stream"]["x-close-codes"]
            return said, codes[str(socket.close_code)]["then"]
