"""Failures of a transport in one word, however deep the libraries have wrapped them."""

from __future__ import annotations

import errno
import socket
import ssl

import pytest

from monitor.sources.failure import kind_of, status_of


class WSServerHandshakeError(Exception):
    """As aiohttp's: the other side has answered with this status."""

    status = 502


class ServerDisconnectedError(Exception):
    """As aiohttp's."""


class ClientResponseError(Exception):
    """As aiohttp's: a status that it has made up, for what was no HTTP."""

    status = 400


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ConnectionRefusedError(errno.ECONNREFUSED, "canary"), "refused"),
        (OSError(errno.ECONNREFUSED, "canary"), "refused"),
        (ConnectionResetError("canary"), "reset"),
        (BrokenPipeError(errno.EPIPE, "canary"), "reset"),
        (ServerDisconnectedError("canary"), "reset"),
        (TimeoutError("canary"), "timeout"),
        (OSError(errno.ETIMEDOUT, "canary"), "timeout"),
        (OSError(errno.EHOSTUNREACH, "canary"), "unreachable"),
        (OSError(errno.EMFILE, "canary"), "open_files"),
        (socket.gaierror(socket.EAI_NONAME, "canary"), "dns"),
        (ssl.SSLCertVerificationError(1, "canary"), "tls"),
        (WSServerHandshakeError("canary"), "http_502"),
        (ClientResponseError("canary"), "bad_answer"),
        (OSError("canary"), "bad_answer"),
        (ValueError("canary"), "bad_answer"),
    ],
)
@pytest.mark.parametrize("how", ["bare", "cause", "context"])
def test_kind(error, kind, how):
    """Each has its own word, also where it is only the cause of another error; its own words are never told."""
    if how == "cause":
        wrapped = RuntimeError("Connection error")
        wrapped.__cause__ = error
    elif how == "context":
        wrapped = RuntimeError("Connection error")
        wrapped.__context__ = error
    else:
        wrapped = error
    assert kind_of(wrapped) == kind


def test_status():
    """Only a status that the other side has really said is one."""
    assert status_of(WSServerHandshakeError()) == 502
    assert status_of(ClientResponseError()) is None
    assert status_of(TimeoutError()) is None


def test_circle():
    """Errors that are each other's cause are looked at all the same."""
    one, other = RuntimeError(), RuntimeError()
    one.__cause__, other.__cause__ = other, one
    assert kind_of(one) == "bad_answer"
