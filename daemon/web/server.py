"""The page on a port of this machine, and of no other."""

import signal
import socket
import sys
import threading
from types import FrameType
from typing import Any

import waitress
from flask import Flask

from core.errors import ConfigError

__all__ = ["free_port", "serve"]

HOST = "127.0.0.1"
TRIES = 50
KNOCK_S = 0.25
THREADS = 4
SILENCE_S = 20  # a connection that says nothing for so long is closed, whoever holds it
CONNECTIONS = 50
LONGEST_HEAD = 16 * 1024

# somewhat too large files are read to their end, so that our page says so; a connection
# that is cut while the browser still sends shows as an error of the browser's own
READ_PAST_LIMIT = 4


def free_port(first: int) -> int:
    """Return *first* or the next port that nobody uses; raises ConfigError where none is free.

    A port counts as used when something answers on it under any loopback address: AirPlay on
    macOS holds *:5000, and a bind to 127.0.0.1:5000 beside it succeeds, but the browser's
    `localhost` may reach the other one.
    """
    for port in range(first, min(first + TRIES, 65536)):
        if not _answers(port) and _can_bind(port):
            return port
    what = f"no port from {first} on is free"
    raise ConfigError(what, None, "give another with --port or [web] port")


def serve(app: Flask, port: int) -> None:
    """Serve *app* on 127.0.0.1:*port* until SIGINT or SIGTERM; raises ConfigError if taken."""
    limit = READ_PAST_LIMIT * int(app.config["MAX_CONTENT_LENGTH"])
    try:
        sock = _bound(port)
    except OSError as error:
        what = f"port {port} cannot be used ({error.strerror})"
        raise ConfigError(what, None, "give another with --port or [web] port") from error
    server = waitress.create_server(
        app,
        sockets=[sock],
        threads=THREADS,
        ident=None,
        max_request_body_size=limit,
        max_request_header_size=LONGEST_HEAD,
        channel_timeout=SILENCE_S,
        cleanup_interval=SILENCE_S // 4,
        connection_limit=CONNECTIONS,
    )
    before = _on_sigterm(_leave)
    try:
        server.run()
    finally:
        server.close()
        _on_sigterm(before)


def _answers(port: int) -> bool:
    for host in (HOST, "::1"):
        try:
            with socket.create_connection((host, port), timeout=KNOCK_S):
                return True
        except OSError:
            continue
    return False


def _can_bind(port: int) -> bool:
    try:
        _bound(port).close()
    except OSError:
        return False
    return True


def _bound(port: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        # a port that we held a minute ago is free
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((HOST, port))
    except OSError:
        sock.close()
        raise
    return sock


def _leave(number: int, frame: FrameType | None) -> None:
    sys.exit(0)  # waitress takes this as the end and lets requests under way finish


def _on_sigterm(handler: Any) -> Any:
    if threading.current_thread() is not threading.main_thread():
        return None
    return signal.signal(signal.SIGTERM, handler)
