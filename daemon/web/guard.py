"""Who may speak to the page: a browser on this machine that loaded the page from us.

Any site that the user visits can send requests to localhost, and a name that it controls can
be made to point there. So the Host must be ours, a POST must come from our own page
(Origin, or Referer where a browser sends none), and must carry a token that only our page
could read.
"""

import hashlib
import hmac
import secrets
from urllib.parse import urlsplit

from flask import Response, abort, g, request

__all__ = ["Guard"]

COOKIE = "genrewatch"
FIELD = "token"
HTTP_PORT = 80

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self';"
        " form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # with no-referrer a browser would send "Origin: null" with our own form
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Guard:
    """The checks of one process; its secret is never stored."""

    def __init__(self, port: int) -> None:
        names = ("localhost", "127.0.0.1", "[::1]")
        self._hosts = {f"{name}:{port}" for name in names}
        if port == HTTP_PORT:
            self._hosts |= set(names)
        self._secret = secrets.token_bytes(32)

    def check(self) -> None:
        """Refuse the request with 421 or 403 where it is not from our own page."""
        if (request.headers.get("Host") or "").lower() not in self._hosts:
            abort(421)
        if request.method not in ("GET", "HEAD") and not (self._ours() and self._knows_token()):
            abort(403)

    def seal(self, response: Response) -> Response:
        """Put the headers and, where the page made a new one, the cookie on *response*."""
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        nonce = g.get("nonce")
        if nonce:
            response.set_cookie(COOKIE, nonce, httponly=True, samesite="Strict")
        return response

    def token(self) -> str:
        """Return the token for a form; it belongs to the browser's cookie."""
        nonce = request.cookies.get(COOKIE) or g.get("nonce")
        if not nonce:
            nonce = g.nonce = secrets.token_urlsafe(16)
        return self._signed(nonce)

    def _ours(self) -> bool:
        source = request.headers.get("Origin") or request.headers.get("Referer") or ""
        try:
            parts = urlsplit(source)
        except ValueError:
            return False
        return parts.scheme == "http" and parts.netloc.lower() in self._hosts

    def _knows_token(self) -> bool:
        nonce = request.cookies.get(COOKIE, "")
        given = request.form.get(FIELD, "")
        return bool(nonce) and hmac.compare_digest(self._signed(nonce).encode(), given.encode())

    def _signed(self, nonce: str) -> str:
        return hmac.new(self._secret, nonce.encode(), hashlib.sha256).hexdigest()
