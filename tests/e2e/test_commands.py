"""The commands beside the daemon and without it: exit codes, undo, pause, one at a time."""

import json
import time
from pathlib import Path

import pytest

from tests.audio import genres_in, make_audio, retag
from tests.conftest import House

pytestmark = pytest.mark.e2e


def test_undo_then_three_rescans(house: House) -> None:
    """After an undo the file is bit for bit as before, and stays so."""
    house.configure(watch__rescan_minutes=0.03)
    house.start()
    path = house.tagged("a.mp3", style="techno", title="A title")
    named = house.tagged("b.flac", style="folk", genre="Unknown")
    assert house.json("undo", "--all", "--dry-run")[0]["reason"] == "would be undone"
    assert genres_in(path) == ["techno"]

    done = house.json("undo", "--since", "1 hour")

    for file in (path, named):
        assert file.read_bytes() == (house.root / f"source-{file.name}").read_bytes()
    told = [event["state"] for event in house.json("history", path)]
    assert told == ["undone", "done"]
    assert house.json("undo", "--all", "-y") == []
    assert {item["path"]: item["new"] for item in done} == {str(path): [], str(named): ["Unknown"]}
    for _ in range(3):
        house.rescans()
    assert genres_in(path) == []
    assert genres_in(named) == ["Unknown"]
    assert house.feedback() == []
    assert [house.state_of(p) for p in (path, named)] == ["left", "left"]
    house.stop()
    house.start()
    house.rescans()
    assert genres_in(path) == []

    again = house.json("tag", path)

    assert again[0]["written"]
    assert genres_in(path) == ["techno"]


def test_status_tells_the_truth_when_stopped(house: House) -> None:
    """Exit 3, the document all the same; 0 while it runs."""
    house.start()
    house.tagged("a.mp3", style="techno")
    running = house.cli("status", "--json")
    code = house.stop()

    stopped = house.cli("status", "--json")

    assert code == 0
    assert (running.returncode, stopped.returncode) == (0, 3)
    before, after = json.loads(running.stdout), json.loads(stopped.stdout)
    assert (before["running"], after["running"]) == (True, False)
    same = ("folders", "pending", "tagged", "not_sure", "left", "failed", "review", "model")
    assert {key: after[key] for key in same} == {key: before[key] for key in same}
    for key in ("feedback", "feedback_since_training", "last_training", "next_training"):
        assert key in after
    assert set(after["model"]) >= {"version", "accuracy", "n", "protocol"}
    people = house.cli("status")
    assert people.returncode == 3
    assert str(house.music) in people.stdout


def test_a_killed_daemon_is_not_running(house: House) -> None:
    """No stale file makes `status` or the next start believe otherwise."""
    house.start()
    house.kill()

    assert house.cli("status", "--json").returncode == 3
    house.start()
    assert house.cli("status", "--json").returncode == 0


def test_a_second_daemon_is_refused(house: House) -> None:
    """One a state directory, with a sentence that says so; the first goes on."""
    house.start()

    second = house.cli("run")

    assert second.returncode == 1
    assert "running" in second.stderr
    assert "Traceback" not in second.stderr
    house.tagged("a.mp3", style="techno")


def test_a_broken_configuration(house: House) -> None:
    """In the foreground exit 2 naming key and remedy; as a service exit 0 and told by status."""
    house.config.write_text("[watch]\nsettle_secnds = 5.0\n", "utf-8")

    foreground = house.cli("run")
    service = house.cli("run", "--service")
    status = house.cli("status", "--json")

    assert foreground.returncode == 2
    assert "settle_secnds" in foreground.stderr
    assert "settle_seconds" in foreground.stderr
    assert service.returncode == 0
    assert "settle_secnds" in status.stdout, status.stderr
    assert status.returncode == 3

    house.configure()
    house.start()
    assert "settle" not in str(house.status()["trouble"])


def test_pause_and_resume(house: House) -> None:
    """Nothing is heard or written meanwhile, over a restart too, and nothing is lost."""
    house.configure(watch__rescan_minutes=0.03)
    house.start()
    assert house.cli("pause").returncode == 0
    time.sleep(5.0)  # the daemon looks every other second whether others have written
    paths = [house.drop(f"{n}.mp3", style="techno", seed=n) for n in range(3)]
    house.rescans()
    assert [genres_in(path) for path in paths] == [[], [], []]
    assert house.status()["paused"]
    assert house.status()["pending"] == 3
    house.stop()
    house.start()
    house.rescans()
    assert [genres_in(path) for path in paths] == [[], [], []]

    assert house.cli("resume").returncode == 0

    assert set(house.wait_all(paths).values()) == {"tagged"}
    assert not house.status()["paused"]


def test_classify_writes_nothing(house: House) -> None:
    """Neither in the file nor beside it, with or without a daemon."""
    path = make_audio(house.music / "a.flac", style="swing")
    before = path.read_bytes(), path.stat().st_mtime_ns
    bad = house.music / "bad.mp3"
    bad.write_text("not music")

    done = house.cli("classify", "--json", path, bad)
    found = {item["path"]: item for item in json.loads(done.stdout)}

    assert done.returncode == 1
    good = found[str(path)]
    assert good["genres"][0]["genre"] == "swing"
    assert 0 < good["genres"][0]["confidence"] <= 1
    assert good["decision"] in ("write", "not sure", "leave")
    assert good["segments"] >= 1
    assert found[str(bad)]["decision"] == "error"
    assert found[str(bad)]["reason"]
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before
    assert sorted(p.name for p in house.music.iterdir()) == ["a.flac", "bad.mp3"]


def test_tag_works_beside_the_daemon(house: House) -> None:
    """A genre named by command is a person's word, told once, and the daemon leaves it."""
    house.configure(watch__rescan_minutes=0.03)
    house.start()
    path = house.tagged("a.mp3", style="techno")

    done = house.json("tag", "--genre", "House", "--genre", "Deep House", path)
    house.rescans()

    assert done == [
        {
            "path": str(path),
            "old": ["techno"],
            "new": ["House", "Deep House"],
            "written": True,
            "reason": done[0]["reason"],
        }
    ]
    assert genres_in(path) == ["House", "Deep House"]
    assert [(row.kind, row.via) for row in house.feedback()] == [("correction", "tag")]
    assert house.state_of(path) == "left"


def test_tag_takes_folders_and_standard_input(house: House) -> None:
    """Paths on stdin, one a line; a folder means all music in it; dry runs write nothing."""
    first = make_audio(house.music / "a.mp3", style="techno")
    (house.music / "sub dir").mkdir()
    second = make_audio(house.music / "sub dir" / "b.mp3", style="folk")
    dry = house.json("tag", "--dry-run", house.music)
    assert [(item["new"], item["written"]) for item in dry] == [
        (["techno"], False),
        (["folk"], False),
    ]
    assert genres_in(first) == genres_in(second) == []

    done = house.cli("tag", "--json", stdin=f"{first}\n{second}\n/nowhere/c.mp3\n".encode())

    assert done.returncode == 1
    items = json.loads(done.stdout)
    assert [item["written"] for item in items] == [True, True, False]
    assert items[2]["reason"]
    assert (genres_in(first), genres_in(second)) == (["techno"], ["folk"])


def test_a_word_by_command_before_the_daemon_noticed_a_retag(house: House) -> None:
    """Both words are kept, in order."""
    house.start()
    path = house.tagged("a.mp3", style="techno")
    house.stop()
    retag(path, genre="House")

    assert house.json("tag", "--genre", "Trance", path)[0]["old"] == ["House"]

    assert [(row.kind, row.new) for row in house.feedback()] == [
        ("correction", ("House",)),
        ("label", ("Trance",)),
    ]


def test_feedback_and_history_are_told(house: House) -> None:
    """For people and for programs."""
    house.start()
    path = house.tagged("a.mp3", style="techno")
    retag(path, genre="House")
    house.wait_until(lambda: house.feedback(path), path)

    [row] = house.json("feedback")
    assert set(row) >= {"path", "kind", "old", "new", "at"}
    assert row["at"].endswith("Z")
    told = house.cli("history", path).stdout
    assert "techno" in told
    assert "House" in told
    assert "correction" in house.cli("feedback").stdout


def test_sigterm_in_the_middle_ends_cleanly(house: House) -> None:
    """Exit 0 while files are heard; what was under way is done after the next start."""
    house.start()
    paths = [
        house.drop(f"{number}.mp3", style="folk", seed=number, seconds=10.0) for number in range(6)
    ]
    house.wait_until(lambda: any(house.state_of(path) for path in paths))

    assert house.stop() == 0

    assert [p.name for p in house.music.iterdir() if p.name.startswith(".")] == []
    house.start()
    assert set(house.wait_all(paths).values()) == {"tagged"}
    assert [len(house.writes(path)) for path in paths] == [1] * 6


def test_the_running_daemon_has_loaded_nothing_heavy(house: House) -> None:
    """What is mapped into it after a file was tagged and its worker went is small."""
    maps = Path("/proc/self/maps")
    if not maps.exists():
        pytest.skip("needs /proc")
    house.start()
    house.tagged("a.mp3", style="folk")
    assert house.process is not None
    mapped = Path(f"/proc/{house.process.pid}/maps").read_text("utf-8")

    heavy = ("tensorflow", "scipy", "libav", "litert", "soxr", "sklearn", "llvmlite")
    assert [name for name in heavy if f"/{name}" in mapped] == []
