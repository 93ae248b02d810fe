"""The page and its JSON twin: one upload in, one classification out.

The upload lies in a folder of this process, under a name of ours, while it is judged, and
nowhere afterwards; the sender's name for it is shown and never used as a path.
"""

import os
import shutil
import tempfile
import uuid
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path, PurePosixPath, PureWindowsPath

from flask import Flask, Response, abort, jsonify, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import FileStorage
from werkzeug.exceptions import HTTPException

from core.errors import GenrewatchError
from daemon.judging.classification import Classification
from daemon.judging.why import document
from daemon.web.guard import Guard
from daemon.web.shown import shown

__all__ = ["Classify", "create_app"]

Classify = Callable[[Path], Classification]

FOLDER_PREFIX = "genrewatch-web-"
MEGABYTE = 1024 * 1024
FORM_OVERHEAD = 64 * 1024  # the multipart frame and the token around the file

# an ending helps a decoder to recognise odd files; only these, so nothing foreign is in a path
SUFFIXES = frozenset(
    {".mp3", ".flac", ".ogg", ".oga", ".opus", ".m4a", ".mp4", ".aac", ".wav", ".aif", ".aiff"}
    | {".wma", ".wv", ".ape", ".mpc", ".tta"}
)
MESSAGES = {
    400: "Choose a file first.",
    403: "This page is out of date, or the request came from elsewhere. Load it anew.",
    404: "There is nothing here.",
    405: "There is nothing here.",
    421: "This page answers only to its own name on this machine.",
    500: "Something went wrong here; the log says what.",
}


def create_app(classify: Classify, *, max_upload_mb: int, port: int) -> Flask:
    """Return the page for http://localhost:*port*.

    *classify* gets the path of the upload, is called from several threads, and may raise
    GenrewatchError, which the page shows.
    """
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = max_upload_mb * MEGABYTE + FORM_OVERHEAD
    app.json.sort_keys = False  # type: ignore[attr-defined]  # the provider that Flask ships
    uploads = _upload_folder()
    weakref.finalize(app, shutil.rmtree, uploads, ignore_errors=True)  # at exit at the latest
    guard = Guard(port)
    app.before_request(guard.check)
    app.after_request(guard.seal)

    def page(status: int = 200, **values: object) -> Response:
        body = render_template(
            "page.html", token=guard.token(), max_upload_mb=max_upload_mb, **values
        )
        return Response(body, status)

    def judged() -> Classification:
        upload = _uploaded()
        with _kept(upload, uploads) as path:
            try:
                found = classify(path)
            except GenrewatchError as error:
                found = Classification(path="", decision="error", reason=error.reason)
        return replace(found, path=display_name(upload.filename or ""))

    @app.get("/")
    def empty() -> ResponseReturnValue:
        return page()

    @app.post("/")
    def classified() -> ResponseReturnValue:
        return page(result=shown(judged()))

    @app.post("/api/classify")
    def classified_json() -> ResponseReturnValue:
        return jsonify(document(judged(), explain=True))

    @app.errorhandler(HTTPException)
    def refused(error: HTTPException) -> ResponseReturnValue:
        code = error.code or 500
        message = MESSAGES.get(code, error.description or error.name)
        if code == 413:  # noqa: PLR2004  the status has its own name: too large
            message = f"This file is larger than {max_upload_mb} MB, the most this page takes."
        if code == 421:  # noqa: PLR2004  another site's name: it gets no page of ours to read
            return Response(message, code, mimetype="text/plain")
        if request.path.startswith("/api/"):
            return jsonify(error=message), code
        return page(code, problem=message)

    return app


def display_name(name: str) -> str:
    """Return the last part of the sender's *name* for a file, fit to be shown."""
    last = PureWindowsPath(PurePosixPath(name).name).name
    return "".join(letter for letter in last if letter.isprintable()) or "the file"


def _uploaded() -> FileStorage:
    upload = request.files.get("file")
    if upload is None or not upload.filename:
        abort(400)
    return upload


@contextmanager
def _kept(upload: FileStorage, folder: Path) -> Iterator[Path]:
    suffix = PurePosixPath(upload.filename or "").suffix.lower()
    path = folder / (uuid.uuid4().hex + (suffix if suffix in SUFFIXES else ""))
    try:
        upload.save(path)
        yield path
    finally:
        path.unlink(missing_ok=True)


def _upload_folder() -> Path:
    """Return a folder that goes with this process; those of killed ones go now."""
    for left in Path(tempfile.gettempdir()).glob(f"{FOLDER_PREFIX}*"):
        with suppress(OSError):
            if left.lstat().st_uid == os.getuid() and not _lives(left.name):
                shutil.rmtree(left, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix=f"{FOLDER_PREFIX}{os.getpid()}-"))


def _lives(name: str) -> bool:
    pid = name.removeprefix(FOLDER_PREFIX).partition("-")[0]
    if not pid.isdigit():
        return True  # not one of ours
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
