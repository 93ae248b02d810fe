"""The page through Flask's own client: what is shown, refused, and left behind."""

import io
import re
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from core.decision.explain import BlockShare
from core.decision.memory import Evidence
from core.decision.verdict import GenreConfidence
from core.errors import AudioError
from daemon.judging.classification import (
    Classification,
    Explanation,
    MemberView,
    Neighbour,
    SegmentView,
)
from daemon.web import create_app

PORT = 5000
HOME = f"http://localhost:{PORT}"


def guess(genre: str, confidence: float) -> GenreConfidence:
    return GenreConfidence(genre=genre, confidence=confidence)


JAZZ = Classification(
    path="/uploads/somewhere/else.mp3",
    decision="write",
    reason="0.92 is above the threshold 0.81",
    genres=(guess("jazz", 0.92), guess("blues", 0.05), guess("rock", 0.03)),
    segments=(
        SegmentView(start_s=10.0, genres=(guess("jazz", 0.9), guess("blues", 0.1))),
        SegmentView(start_s=95.0, genres=(guess("rock", 0.6), guess("jazz", 0.4))),
    ),
    duration_s=200.0,
)


class Classifier:
    """Notes what it was given; answers or raises as told."""

    def __init__(self) -> None:
        self.answer: Classification | Exception = JAZZ
        self.seen: list[tuple[Path, bytes]] = []

    def __call__(self, path: Path) -> Classification:
        self.seen.append((path, path.read_bytes()))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep the uploads of this test to itself."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.fixture
def classifier() -> Classifier:
    return Classifier()


@pytest.fixture
def client(temporary: Path, classifier: Classifier) -> Iterator[FlaskClient]:
    app = create_app(classifier, max_upload_mb=1, port=PORT)
    with app.test_client() as client:
        yield client


WHY = Explanation(
    alone=(guess("jazz", 0.8), guess("<i>blues</i>", 0.2)),
    members=(MemberView(kind="linear", share=1.0, says=guess("jazz", 0.7)),),
    blocks=(BlockShare(block="G", log_odds=-0.5),),
    tags=None,
    neighbours=(Neighbour(path="/a", name="<b>A</b>", genres=("bop",), likeness=0.5),),
    alike_by="features",
    evidence=Evidence(),
    rests_on="model",
    right=None,
    outside=None,
    foreign=None,
    threshold=0.8,
    promise=0.9,
    footing="base",
)
Send = Callable[..., TestResponse]


@pytest.fixture
def send(client: FlaskClient) -> Send:
    """Load the page, then post a file as a browser does; keywords spoil one thing."""

    def act(
        name: str = "song.mp3",
        content: bytes = b"music",
        *,
        path: str = "/",
        token: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> TestResponse:
        found = re.search(r'name="token" value="(\w+)"', client.get("/", base_url=HOME).text)
        assert found
        response = client.post(
            path,
            buffered=True,
            base_url=HOME,
            headers={"Origin": HOME} if headers is None else headers,
            data={
                "token": found[1] if token is None else token,
                "file": (io.BytesIO(content), name),
            },
        )
        if response.request:
            response.request.input_stream.close()  # the client keeps large bodies in a file
        return response

    return act


def leftovers(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob("*") if path.is_file()]


def test_page_offers_a_form_that_works_without_javascript(client: FlaskClient) -> None:
    """A plain multipart form with a label, a file input and a button."""
    text = client.get("/", base_url=HOME).text

    assert '<form method="post" action="/" enctype="multipart/form-data"' in text
    assert '<label class="drop" for="file">' in text
    assert "<button>" in text


def test_page_takes_nothing_from_elsewhere(client: FlaskClient) -> None:
    """No address but our own in page, style sheet and script; no inline style or script."""
    parts = [
        client.get(path, base_url=HOME, buffered=True).text
        for path in ("/", "/static/page.css", "/static/page.js")
    ]

    assert not re.search(r"https?://|@import|url\(", "".join(parts))
    assert not re.search(r"<style|style=|<script>|onclick", parts[0])


def test_upload_shows_genres_and_timeline(send: Send, classifier: Classifier) -> None:
    """The verdict in words, a bar per genre, a tile per segment, the three best of each."""
    response = send("My Song.mp3")

    assert response.status_code == 200
    assert '<h2 id="headline">jazz</h2>' in response.text
    assert "0.92 is above the threshold 0.81." in response.text
    assert "would be written" in response.text
    assert "My Song.mp3" in response.text
    assert "92\u00a0%" in response.text
    assert response.text.count('<g class="tile"') == 2
    assert "1:35 · rock 60\u00a0%, jazz 40\u00a0%" in response.text
    assert classifier.seen[0][1] == b"music"


def test_upload_is_gone_afterwards(send: Send, classifier: Classifier, temporary: Path) -> None:
    """Whatever the classifier does, and whatever the size."""
    for answer in (JAZZ, AudioError("it is damaged"), RuntimeError("a bug")):
        classifier.answer = answer
        send(content=b"x" * 900_000)

    assert len(classifier.seen) == 3
    assert leftovers(temporary) == []


def test_upload_name_is_never_a_path(send: Send, classifier: Classifier, temporary: Path) -> None:
    """A hostile name is shown, escaped and shortened, and lands nowhere."""
    for name in ("../../etc/cron.d/evil.mp3", "..\\..\\a<b>.mp3", "/etc/passwd", "x.php", "..mp3"):
        assert send(name).status_code == 200

    for path, _ in classifier.seen:
        assert path.resolve().is_relative_to(temporary.resolve())
        assert re.fullmatch(r"[0-9a-f]{32}(\.mp3)?", path.name)
    assert "a&lt;b&gt;.mp3" in send("..\\..\\a<b>.mp3").text


def test_damaged_file_is_told_in_one_sentence(send: Send, classifier: Classifier) -> None:
    """The program's errors are the user's answer, without the temporary path."""
    classifier.answer = AudioError("it holds no audio", "/uploads/x", "try another file")

    response = send("notes.mp3")

    assert response.status_code == 200
    assert "The reason: it holds no audio; try another file." in response.text
    assert "/uploads" not in response.text


def test_bug_is_a_page_too(send: Send, classifier: Classifier) -> None:
    """No traceback reaches the browser."""
    classifier.answer = RuntimeError("secret detail")

    response = send()

    assert response.status_code == 500
    assert "secret detail" not in response.text
    assert "the log says what" in response.text


def test_too_large_file_is_refused_with_a_clear_page(
    send: Send, classifier: Classifier, temporary: Path
) -> None:
    """413, the limit, and nothing kept."""
    response = send(content=b"x" * 2_000_000)

    assert response.status_code == 413
    assert "larger than 1 MB" in response.text
    assert classifier.seen == []
    assert leftovers(temporary) == []


def test_form_without_a_file_says_so(client: FlaskClient, send: Send) -> None:
    """An empty form is 400 and a sentence."""
    response = send(name="", content=b"")

    assert response.status_code == 400
    assert "Choose a file first." in response.text


@pytest.mark.parametrize(
    "host", ["evil.example:5000", "localhost:5001", "localhost", "127.0.0.1.evil.example:5000", ""]
)
def test_other_hosts_are_refused(client: FlaskClient, host: str) -> None:
    """A name that was made to point here (DNS rebinding) gets nothing to read."""
    response = client.get("/", headers={"Host": host})

    assert response.status_code == 421
    assert "token" not in response.text


@pytest.mark.parametrize("host", ["localhost:5000", "127.0.0.1:5000", "[::1]:5000"])
def test_own_names_are_served(client: FlaskClient, host: str) -> None:
    """The three names of this machine, with our port."""
    assert client.get("/", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "null"},
        {"Origin": "http://evil.example"},
        {"Origin": "https://localhost:5000"},
        {"Origin": "http://localhost:8000"},
        {"Origin": "http://localhost:5000.evil.example"},
        {"Referer": "http://evil.example/?http://localhost:5000/"},
        {"Origin": "http://["},
    ],
)
@pytest.mark.parametrize("path", ["/", "/api/classify"])
def test_posts_from_elsewhere_are_refused(
    send: Send, classifier: Classifier, headers: dict[str, str], path: str
) -> None:
    """Even with the right token: the source must be our own page."""
    assert send(path=path, headers=headers).status_code == 403
    assert classifier.seen == []


def test_referer_serves_where_no_origin_is_sent(send: Send) -> None:
    """Older browsers send only that."""
    assert send(headers={"Referer": f"{HOME}/"}).status_code == 200


@pytest.mark.parametrize("token", ["", "0" * 64, "ünï"])
@pytest.mark.parametrize("path", ["/", "/api/classify"])
def test_posts_without_the_token_are_refused(
    send: Send, classifier: Classifier, token: str, path: str
) -> None:
    """Even from our own origin."""
    assert send(path=path, token=token).status_code == 403
    assert classifier.seen == []


def test_token_of_another_browser_is_refused(client: FlaskClient, send: Send) -> None:
    """The token belongs to the cookie it was made for."""
    other = client.application.test_client()
    found = re.search(r'value="(\w{64})"', other.get("/", base_url=HOME).text)
    assert found

    assert send(token=found[1]).status_code == 403


def test_headers_forbid_what_the_page_does_not_need(client: FlaskClient) -> None:
    """A strict policy, no sniffing, no framing, a cookie that scripts and sites cannot use."""
    headers = client.get("/", base_url=HOME).headers

    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert "HttpOnly" in headers["Set-Cookie"]
    assert "SameSite=Strict" in headers["Set-Cookie"]


def test_json_is_that_of_the_command(send: Send) -> None:
    """The keys of `classify --json`, and the timeline."""
    document = send("My Song.mp3", path="/api/classify").get_json()

    assert document["path"] == "My Song.mp3"
    assert document["genres"][0] == {"genre": "jazz", "confidence": 0.92}
    assert (document["decision"], document["segments"]) == ("write", 2)
    assert document["timeline"][1]["start_s"] == 95.0
    assert document["timeline"][1]["genres"][0]["genre"] == "rock"


def test_json_errors_are_json(send: Send) -> None:
    """Too large, from elsewhere, no file."""
    assert "larger" in send(path="/api/classify", content=b"x" * 2_000_000).get_json()["error"]
    assert send(path="/api/classify", token="").get_json()["error"]
    assert send(path="/api/classify", name="", content=b"").get_json()["error"]


def test_uploads_of_killed_processes_are_swept(temporary: Path) -> None:
    """A folder whose process is gone goes at the next start; one whose process lives stays."""
    dead = temporary / "genrewatch-web-999999999-abc"
    alive = temporary / "genrewatch-web-1-abc"
    foreign = temporary / "genrewatch-web-notes"
    for folder in (dead, alive, foreign):
        folder.mkdir()
        (folder / "upload").write_bytes(b"music")

    create_app(Classifier(), max_upload_mb=1, port=PORT)

    assert not dead.exists()
    assert alive.exists()
    assert foreign.exists()


MARK_UP = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'"


def test_nothing_that_a_file_says_is_mark_up(send: Send, classifier: Classifier) -> None:
    """Neither its name, nor a genre, nor a reason that quotes a tag."""
    classifier.answer = replace(
        JAZZ,
        reason=f"already has a genre: {MARK_UP}",
        genres=(guess(MARK_UP, 0.9), guess("jazz", 0.1)),
        segments=(SegmentView(start_s=1.0, genres=(guess(MARK_UP, 0.9),)),),
    )
    for text in (send(f"{MARK_UP}.mp3").text, send(MARK_UP).text):
        assert "<script>alert" not in text
        assert "<img" not in text
        assert "&lt;script&gt;" in text

    classifier.answer = AudioError(f"states {MARK_UP}")
    assert "<img" not in send().text
    shown = send(f"{MARK_UP}.mp3", path="/api/classify")
    assert shown.mimetype == "application/json"
    assert shown.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    "name",
    ["/dev/zero", "/dev/stdin", "CON", "a\0b.mp3", "\x1b[2J\u202e.mp3", "x" * 5000 + ".mp3", "."],
)
def test_odd_upload_names_are_names_of_nothing(
    send: Send, classifier: Classifier, temporary: Path, name: str
) -> None:
    """Devices, NUL, escapes, too long a name: what is judged is what was sent, in our folder."""
    response = send(name, content=b"music")

    assert response.status_code in (200, 400)
    for path, content in classifier.seen:
        assert path.parent.parent == temporary
        assert content == b"music"
    assert leftovers(temporary) == []
    assert all(letter not in response.text for letter in "\0\x1b\u202e")


def test_every_answer_carries_the_headers(client: FlaskClient, send: Send) -> None:
    """Also refusals, and what does not exist."""
    answers = [
        client.get("/", base_url=HOME),
        client.get("/nothing", base_url=HOME),
        client.get("/static/../../etc/passwd", base_url=HOME),
        client.get("/static/%2e%2e/app.py", base_url=HOME),
        client.put("/", base_url=HOME),
        client.get("/", headers={"Host": "evil.example"}),
        send(token="0" * 64),
        send(content=b"x" * 2_000_000),
    ]

    assert [answer.status_code for answer in answers] == [200, 404, 404, 404, 403, 421, 403, 413]
    for answer in answers:
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cache-Control"] == "no-store"


def test_why_stands_behind_a_disclosure(send: Send, classifier: Classifier) -> None:
    """Members, features and neighbours; a name of a track is text and no markup."""
    classifier.answer = replace(JAZZ, why=WHY)

    html = send().text

    assert html.count("<details") == 2
    assert "<summary>Why</summary>" in html
    assert "× 1.65 for &lt;i&gt;blues&lt;/i&gt;" in html
    assert "&lt;b&gt;A&lt;/b&gt;" in html


def test_without_an_explanation_there_is_no_disclosure_of_it(send: Send) -> None:
    """No empty heading."""
    assert "<summary>Why</summary>" not in send().text
