"""Bad and odd files among good ones: a reason or a verdict for each, and the daemon lives."""

import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from tests.audio import encode, genres_in, make_audio
from tests.conftest import House

pytestmark = pytest.mark.e2e


def good(house: House) -> list[Path]:
    """Drop a good file before and after the bad ones, in the order of names."""
    return [house.drop(f"{end}.mp3", style="techno", seed=i) for i, end in enumerate("0z")]


def test_bad_files_have_a_reason(house: House) -> None:
    """One sentence each in `failed`, silence for review, and the good ones are as ever."""
    house.start()
    whole = make_audio(house.root / "whole.flac", style="folk", seconds=8.0).read_bytes()
    m4a = make_audio(house.root / "whole.m4a", style="folk", seconds=8.0).read_bytes()
    bad = {
        "empty.mp3": b"",
        "text.mp3": b"This is not music, it is a shopping list.\n" * 200,
        "torn.m4a": m4a[: len(m4a) // 2],
        "head.flac": whole[:60],
        "noise.ogg": bytes(np.random.default_rng(1).integers(0, 256, 20_000, np.uint8)),
    }
    for name, content in bad.items():
        (house.music / name).write_bytes(content)
    (house.music / "folder.flac").mkdir()
    silent = house.music / "silent.wav"
    encode(house.root / "silent.wav", np.zeros(22_050 * 6, np.float32), 22_050, "wav")
    shutil.copyfile(house.root / "silent.wav", silent)
    fine = good(house)
    paths = [*(house.music / name for name in bad), house.music / "folder.flac", silent, *fine]

    states = house.wait_all(paths)

    assert {p.name: s for p, s in states.items() if p not in fine} == {
        **dict.fromkeys([*bad, "folder.flac"], "failed"),
        "silent.wav": "not_sure",
    }
    assert {states[path] for path in fine} == {"tagged"}
    document = house.status()
    assert document["running"]
    reasons = {Path(item["path"]).name: item["reason"] for item in document["failed"]}
    assert set(reasons) == {*bad, "folder.flac"}
    assert all(reason and "\n" not in reason for reason in reasons.values()), reasons
    assert not any("Traceback" in reason or "Error:" in reason for reason in reasons.values())
    [waiting] = document["review"]
    assert (waiting["path"], "silent" in waiting["reason"]) == (str(silent), True)
    assert {name: (house.music / name).read_bytes() for name in bad} == bad


def test_a_torn_file_gets_a_verdict_or_a_reason_and_later_its_genre(house: House) -> None:
    """Half an MP3 or FLAC can be heard or not; the whole one that follows is a new file."""
    house.start()
    for end in ("mp3", "flac"):
        whole = make_audio(house.root / f"w.{end}", style="folk", seconds=10.0).read_bytes()
        path = house.music / f"half.{end}"
        path.write_bytes(whole[: len(whole) // 2])
        house.wait_all([path])
        path.write_bytes(whole)
        house.wait_until(lambda p=path: house.is_known(p) and house.state_of(p) == "tagged", path)
        assert genres_in(path) == ["folk"]
    assert house.feedback() == []


def test_odd_files_have_a_verdict(house: House) -> None:
    """Very short, very long, few and many samples and channels, odd names and false ones."""
    house.start()
    made = {
        "one second.mp3": {"seconds": 1.0},
        "a tenth.wav": {"seconds": 0.1},
        "mono 8 kHz.wav": {"rate": 8_000},
        "192 kHz.flac": {"rate": 192_000},
        "six channels.flac": {"channels": 6},
        "six channels.m4a": {"channels": 6, "rate": 44_100},
        "line\nbreak 🎷.mp3": {},
        "M4A named.mp3": {"fmt": "m4a"},
        "FLAC named.ogg": {"fmt": "flac"},
        "UPPER.MP3": {"fmt": "mp3"},
        "ünïcödé – 日本.opus": {},
        "'quoted' \"twice\" $HOME;.mp3": {},
        "x" * 250 + ".mp3": {},
    }
    options = {name: {"style": "swing", "seconds": 4.0} | extra for name, extra in made.items()}
    paths = []
    for number, (name, given) in enumerate(options.items()):
        source = house.root / f"source{number}"
        fmt = given.pop("fmt", None) or name.rsplit(".", 1)[1].lower()
        make_audio(source, fmt, **given)  # type: ignore[arg-type]
        paths.append(Path(shutil.copyfile(source, house.music / name)))
    odd = os.fsencode(house.music) + b"/not \xff utf-8 \xe4.mp3"
    make_audio(house.root / "odd.mp3", style="swing")
    with open(odd, "wb") as file:  # noqa: PTH123
        file.write((house.root / "odd.mp3").read_bytes())
    paths.append(Path(os.fsdecode(odd)))

    states = house.wait_all(paths)

    assert {path.name: state for path, state in states.items() if state != "tagged"} == {}
    assert all(len(genres_in(os.fsencode(path))) == 1 for path in paths)
    document = house.status()
    assert (document["tagged"], document["failed"]) == (len(paths), [])
    assert house.cli("status").returncode == 0  # for people, odd bytes and all
    assert house.cli("history", paths[-1]).returncode == 0
    undone = house.cli("undo", paths[-1], paths[6])
    assert undone.returncode == 0, undone.stderr
    assert genres_in(odd) == []


@pytest.mark.slow
def test_three_hours_get_a_verdict(house: House) -> None:
    """A mix or a radio show, cheaply made: the same minutes over and over, at a low rate."""
    piece = make_audio(
        house.root / "piece.mp3", style="ambient", seconds=60.0, rate=16_000
    ).read_bytes()
    (house.root / "long.mp3").write_bytes(piece * 180)
    house.start()
    path = Path(shutil.copyfile(house.root / "long.mp3", house.music / "long.mp3"))
    fine = good(house)

    states = house.wait_all([path, *fine], within=600)

    assert states[path] == "tagged", house.reason_of(path)
    assert genres_in(path) == ["ambient"]
    duration = house.db.execute("select max(duration_s) from tracks").fetchone()[0]
    assert duration == pytest.approx(3 * 3600, rel=0.01)


def bound_by_permissions() -> tuple[str, ...]:
    """Return what starts a command that permissions bind, as they do not bind root."""
    if os.geteuid() != 0:
        return ()
    prefix = ("setpriv", "--bounding-set=-dac_override,-dac_read_search")
    if not shutil.which("setpriv") or subprocess.run([*prefix, "true"], check=False).returncode:
        pytest.skip("root reads everything, and there is no setpriv to give that up")
    return prefix


def test_no_permission_is_a_reason(house: House) -> None:
    """A file that may not be read, and one in a folder that may not be written."""
    house.configure(watch__rescan_minutes=0.05)  # no event tells of changed permissions
    house.start(prefix=bound_by_permissions())
    secret = house.drop("secret.mp3", style="techno")
    secret.chmod(0)
    fine = house.drop("fine.mp3", style="techno", seed=2)
    states = house.wait_all([secret, fine])

    assert states == {secret: "failed", fine: "tagged"}
    assert "permission" in house.reason_of(secret).lower()
    secret.chmod(0o644)
    house.wait_for(secret, "tagged")

    shut = house.music / "shut"
    shut.mkdir()
    source = make_audio(house.root / "inside.mp3", style="folk")
    shut.chmod(0o755)
    inside = Path(shutil.copyfile(source, shut / "inside.mp3"))
    shut.chmod(0o555)
    house.wait_all([inside])

    assert house.state_of(inside) in ("failed", "left")
    assert "read-only" in house.reason_of(inside)
    assert inside.read_bytes() == source.read_bytes()
    shut.chmod(0o755)


def test_links(house: House) -> None:
    """A symbolic link is left, a linked folder not entered, hard links not written."""
    house.start()
    aside = house.root / "aside"
    aside.mkdir()
    make_audio(aside / "a.mp3", style="folk")
    make_audio(aside / "hard.mp3", style="folk", seed=1)
    (house.music / "link.mp3").symlink_to(aside / "a.mp3")
    (house.music / "broken.mp3").symlink_to(aside / "nothing.mp3")
    (house.music / "linked folder").symlink_to(aside)
    os.link(aside / "hard.mp3", house.music / "hard.mp3")
    fine = good(house)
    links = [house.music / name for name in ("link.mp3", "broken.mp3", "hard.mp3")]

    states = house.wait_all([*links, *fine])

    assert {states[path] for path in links} == {"left"}
    assert "link" in house.reason_of(links[0])
    assert "hard link" in house.reason_of(links[2])
    assert genres_in(aside / "a.mp3") == genres_in(aside / "hard.mp3") == []
    assert (house.music / "hard.mp3").stat().st_nlink == 2
    assert house.row(house.music / "linked folder" / "a.mp3") is None
