"""The real server as a process, and a real browser before it."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from core.errors import ConfigError
from daemon.web import create_app, free_port, serve
from tests.daemon.web.browser import Browser, chromium

STUB = Path(__file__).with_name("stub_page.py")
ROOT = Path(__file__).parents[3]
FIRST_PORT = 18_500
PATIENCE_S = 30.0

# complete: the style sheet has laid the page out, and the script has run
SHOWN = "document.querySelector('h2') && document.readyState === 'complete'"


@pytest.fixture
def page(tmp_path: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """The stub server on `page.args[-1]`, with its temporary files under tmp_path."""
    port = free_port(FIRST_PORT)
    process = subprocess.Popen(
        [sys.executable, str(STUB), str(port)],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(tmp_path), "PYTHONPATH": str(ROOT)},
    )
    try:
        end = time.monotonic() + PATIENCE_S
        while free_port(port) == port:
            assert process.poll() is None, "the server has ended"
            assert time.monotonic() < end, "the server does not answer"
            time.sleep(0.05)
        yield process
    finally:
        process.kill()
        process.wait()


def address(page: "subprocess.Popen[bytes]") -> str:
    assert isinstance(page.args, list)
    return f"http://localhost:{page.args[-1]}/"


def port_of(page: "subprocess.Popen[bytes]") -> int:
    return int(address(page).rsplit(":", 1)[1].strip("/"))


@contextmanager
def listener(host: str, port: int) -> Iterator[None]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))
        sock.listen()
        yield


@pytest.mark.parametrize("host", ["127.0.0.1", "", "::1"])
def test_taken_port_is_passed_over(host: str) -> None:
    """Whatever loopback address it is taken on, as AirPlay takes 5000 on all."""
    port = free_port(FIRST_PORT)
    try:
        with listener(host, port):
            assert free_port(port) > port
    except OSError:
        pytest.skip(f"{host or 'every address'} cannot be bound here")


def test_no_free_port_is_told() -> None:
    """The remedy names the option."""
    with listener("127.0.0.1", free_port(65_535)), pytest.raises(ConfigError, match="--port"):
        free_port(65_535)


def test_port_taken_meanwhile_is_told() -> None:
    """Between asking and serving someone else may come."""
    port = free_port(FIRST_PORT)
    app = create_app(lambda path: pytest.fail("not asked"), max_upload_mb=1, port=port)

    with listener("127.0.0.1", port), pytest.raises(ConfigError, match=str(port)):
        serve(app, port)


def test_server_listens_on_this_machine_only(page: "subprocess.Popen[bytes]") -> None:
    """Loopback answers; another address of this machine does not."""
    found = {str(info[4][0]) for info in socket.getaddrinfo(socket.gethostname(), None)}
    others = {host for host in found if not host.startswith("127.")} - {"::1"}
    if not others:
        pytest.skip("this machine has no address beside loopback")

    for host in others:
        with pytest.raises(OSError):
            socket.create_connection((host, port_of(page)), timeout=1).close()


def test_server_says_nothing_of_itself_and_checks_the_host(
    page: "subprocess.Popen[bytes]",
) -> None:
    """The checks hold behind the real server too."""
    connection = http.client.HTTPConnection("127.0.0.1", port_of(page), timeout=PATIENCE_S)
    connection.request("GET", "/", headers={"Host": "evil.example"})
    answer = connection.getresponse()
    body = answer.read()
    connection.close()

    assert answer.status == 421
    assert b"token" not in body
    assert answer.getheader("Server") is None


def test_sigterm_ends_cleanly_and_removes_the_folder(
    page: "subprocess.Popen[bytes]", tmp_path: Path
) -> None:
    """Exit code 0, and no folder of uploads stays."""
    assert list(tmp_path.glob("genrewatch-web-*"))

    page.send_signal(signal.SIGTERM)

    assert page.wait(PATIENCE_S) == 0
    assert list(tmp_path.glob("genrewatch-web-*")) == []


@contextmanager
def browsing(tmp_path: Path, *, dark: bool = False) -> Iterator[Browser]:
    program = chromium()
    if program is None:
        pytest.skip("no Chromium here: the page was not seen in a real browser")
    with Browser(program, tmp_path / "profile", dark=dark) as browser:
        yield browser


def keep(browser: Browser, tmp_path: Path, name: str) -> Path:
    """Take a picture, into GENREWATCH_SCREENSHOTS where that is set."""
    folder = Path(os.environ.get("GENREWATCH_SCREENSHOTS") or tmp_path)
    browser.screenshot(folder / name)
    return folder / name


@pytest.mark.e2e
@pytest.mark.parametrize("dark", [False, True])
def test_chosen_file_is_shown_in_a_real_browser(
    page: "subprocess.Popen[bytes]", tmp_path: Path, dark: bool
) -> None:
    """Choosing a file is enough; pointing at a part shows its three best genres."""
    song = tmp_path / "first take.mp3"
    song.write_bytes(b"not sure")
    with browsing(tmp_path, dark=dark) as browser:
        browser.open(address(page))
        keep(browser, tmp_path, f"empty-{'dark' if dark else 'light'}.png")
        browser.choose("input[type=file]", song)
        browser.wait_for(SHOWN)
        browser.point_at(".tile:nth-of-type(5)")
        browser.wait_for("document.querySelector('#part').textContent.includes('%')")
        picture = keep(browser, tmp_path, f"result-{'dark' if dark else 'light'}.png")

        assert browser.run("document.querySelector('h2').textContent") == "Not sure – perhaps jazz"
        assert browser.run("document.querySelectorAll('.tile').length") == 24
        # the policy forbids inline style, so colours prove that the style sheet came through
        assert browser.run("getComputedStyle(document.querySelector('.bars .c0')).fill") == (
            "rgb(78, 121, 196)"
        )
        assert picture.stat().st_size > 10_000


@pytest.mark.e2e
def test_dropped_file_is_shown_in_a_real_browser(
    page: "subprocess.Popen[bytes]", tmp_path: Path
) -> None:
    """Anywhere on the page."""
    song = tmp_path / "second take.flac"
    song.write_bytes(b"write")
    with browsing(tmp_path) as browser:
        browser.open(address(page))
        browser.drop(song, 450, 1000)
        browser.wait_for(SHOWN)

        assert browser.run("document.querySelector('h2').textContent") == "jazz"
        assert browser.run("document.querySelector('.name').textContent") == "second take.flac"


@pytest.mark.e2e
def test_too_large_file_is_told_in_a_real_browser(
    page: "subprocess.Popen[bytes]", tmp_path: Path
) -> None:
    """By the page before anything is sent; by the server where the script did not run."""
    song = tmp_path / "long.wav"
    song.write_bytes(b"x" * 3 * 1024 * 1024)
    with browsing(tmp_path) as browser:
        browser.open(address(page))
        browser.choose("input[type=file]", song)
        browser.wait_for("document.querySelector('#progress').textContent.includes('2 MB')")
        browser.run("document.querySelector('form').submit()")
        browser.wait_for("document.querySelector('.problem')")
        keep(browser, tmp_path, "too-large.png")

        assert "larger than 2 MB" in browser.run("document.querySelector('.problem').textContent")


def test_slow_and_greedy_clients_shut_nobody_out(page: "subprocess.Popen[bytes]") -> None:
    """Connections that say half a sentence cost no thread; a head without end is cut off."""
    port = port_of(page)
    slow = [socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) for _ in range(12)]
    try:
        for connection in slow:
            connection.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Le")
        answer = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
        answer.request("GET", "/", headers={"Host": f"localhost:{port}"})
        assert answer.getresponse().status == 200
        answer.close()
        slow[0].sendall(b"ngth: 1\r\nX: " + b"x" * 100_000)
        assert slow[0].recv(64).split()[1].startswith(b"4")
    finally:
        for connection in slow:
            connection.close()
