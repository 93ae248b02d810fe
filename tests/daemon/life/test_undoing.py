"""What a person takes back, over paper files and the real record."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import pytest

from core.errors import ConfigError
from core.library import writes
from daemon.acts import Tagged
from daemon.life import undoing
from daemon.life.undoing import chosen, forget, forgettable, moment_of
from daemon.showing.show import show_event
from daemon.telling.history import history_of
from tests.puppets import PaperHouse, guess, paper, read_paper

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[PaperHouse]:
    made = PaperHouse(tmp_path)
    made.live()
    yield made
    made.close()


def tagged(house: PaperHouse, name: str, genres: tuple[str, ...] = ()) -> Path:
    path = house.music / name
    paper(path, name, genres)
    house.settle()
    house.time += 100
    return path


def undo(house: PaperHouse, path: Path, *, dry_run: bool = False) -> Tagged:
    return house.desk.undo(str(path), house.now(), dry_run=dry_run)


def undo_all(house: PaperHouse, rows: list[writes.WriteRow], *, dry_run: bool = False) -> list[str]:
    done = [
        house.desk.undo(choice.path, house.now(), dry_run=dry_run, back_to=choice.back_to)
        for choice in chosen(rows)
    ]
    assert not any(item.failed for item in done), done
    return [Path(item.path).name for item in done]


def test_an_untouched_file_is_bit_for_bit_what_it_was(house: PaperHouse) -> None:
    """Down to the last byte."""
    path = house.music / "a.mp3"
    paper(path, "A", ("Unknown",), "a title")
    before = path.read_bytes()
    house.settle()
    assert path.read_bytes() != before

    assert undo(house, path).new == ("Unknown",)

    assert path.read_bytes() == before


def test_a_retitled_file_keeps_its_title(house: PaperHouse) -> None:
    """Where other tags were edited since, only the genre goes back."""
    path = tagged(house, "a.mp3")
    paper(path, "a.mp3", (guess("a.mp3"),), "a new title")

    assert undo(house, path).written

    assert read_paper(path) == {"audio": "a.mp3", "genres": [], "title": "a new title"}
    assert house.kinds() == []


def test_a_genre_that_a_person_changed_is_refused_with_the_reason(house: PaperHouse) -> None:
    """Dry or not, noticed by the daemon or not."""
    path = tagged(house, "a.mp3")
    paper(path, "a.mp3", ("Zydeco",))

    for dry_run in (True, False):
        done = undo(house, path, dry_run=dry_run)
        assert done.failed
        assert "changed since" in done.reason
    assert read_paper(path)["genres"] == ["Zydeco"]


def test_all_writes_of_a_file_go_back_one_by_one(house: PaperHouse) -> None:
    """To what it was before the first; the dry run says so and changes nothing."""
    path = house.music / "a.mp3"
    paper(path, "A", ("Unknown",))
    before = path.read_bytes()
    house.settle()
    for genre in ("Zydeco", "Cajun"):
        house.desk.tag(str(path), (genre,), house.now(), dry_run=False)
    rows = writes.last_writes(house.db, -1)
    assert len(rows) == 3
    [choice] = chosen(rows)

    dry = house.desk.undo(str(path), house.now(), dry_run=True, back_to=choice.back_to)
    assert (dry.old, dry.new, dry.written) == (("Cajun",), ("Unknown",), False)
    assert read_paper(path)["genres"] == ["Cajun"]
    done = house.desk.undo(str(path), house.now(), dry_run=False, back_to=choice.back_to)

    assert (done.old, done.new, done.written) == (("Cajun",), ("Unknown",), True)
    assert path.read_bytes() == before
    assert writes.last_writes(house.db, -1) == []
    assert writes.undo_bytes(house.db) == 0


def test_the_last_ones_and_those_since_a_moment(house: PaperHouse) -> None:
    """The latest first; what was written before stands."""
    for name in ("a.mp3", "b.mp3", "c.mp3"):
        tagged(house, name)

    assert undo_all(house, writes.last_writes(house.db, 1)) == ["c.mp3"]
    since = house.now() - timedelta(seconds=250)
    assert undo_all(house, writes.writes_since(house.db, since), dry_run=True) == ["b.mp3"]
    assert undo_all(house, writes.writes_since(house.db, since)) == ["b.mp3"]
    assert undo_all(house, writes.last_writes(house.db, -1)) == ["a.mp3"]


Later = Callable[[PaperHouse], None]


def rescanned(house: PaperHouse) -> None:
    for _ in range(3):
        house.settle()


def judged_again(house: PaperHouse) -> None:
    paper(house.music / "b.mp3", "B", ("Folk",), "of the same artist")
    house.settle()
    house.desk.tag(str(house.music / "b.mp3"), ("Zydeco",), house.now(), dry_run=False)
    house.settle()


def under_a_new_model(house: PaperHouse) -> None:
    house.new_model("two" if guess("a.mp3", "two") != guess("a.mp3") else "three")
    house.settle()
    house.reborn()


def edited_otherwise(house: PaperHouse) -> None:
    path = house.music / "a.mp3"
    said = read_paper(path)
    paper(path, said["audio"], tuple(said["genres"]), "another title")
    house.settle()


@pytest.mark.parametrize(
    "later",
    [rescanned, judged_again, under_a_new_model, edited_otherwise],
    ids=lambda later: later.__name__,
)
@pytest.mark.parametrize("propagate", ["never", "auto"])
@pytest.mark.parametrize("before", [(), ("Unknown",)], ids=["empty", "meaningless"])
def test_after_an_undo_it_is_left_alone_until_named(
    house: PaperHouse, later: Later, propagate: Literal["never", "auto"], before: tuple[str, ...]
) -> None:
    """Whatever rescan, re-judging or a new model says."""
    policy = replace(house.config.policy, propagate=propagate)
    house.config = replace(house.config, policy=policy)
    house.reborn()
    path = tagged(house, "a.mp3", before)
    undo(house, path)

    later(house)

    assert tuple(read_paper(path)["genres"]) == before
    assert (house.row(path).state, house.row(path).hands_off) == ("left", True)
    named = house.desk.tag(str(path), (), house.now(), dry_run=False)
    assert named.written
    assert read_paper(path)["genres"] != list(before)


def test_no_undo_record_is_dropped_unless_the_person_says_so(house: PaperHouse) -> None:
    """Then the genre alone can still be put back."""
    old, new = tagged(house, "a.mp3"), tagged(house, "b.mp3")
    size = writes.undo_bytes(house.db)
    before = house.now() - timedelta(seconds=150)

    assert [row.path for row in forgettable(house.db, [], before)] == [str(old)]
    assert forget(house.db, forgettable(house.db, [str(new)], None)) > 0

    assert writes.undo_bytes(house.db) < size
    [kept] = [row for row in writes.last_writes(house.db, -1) if row.undo_size]
    assert kept.path == str(old)
    assert undo(house, new).written
    assert read_paper(new)["genres"] == []


def test_at_the_bound_new_writes_wait_with_the_reason(house: PaperHouse) -> None:
    """An undo never waits; with room again, the files are written."""
    first = tagged(house, "a.mp3")
    house.db.execute("update tag_writes set undo_size = ? where state = 'done'", [2 * 10**9])
    path = house.music / "b.mp3"
    paper(path, "B")
    house.settle()

    row = house.row(path)
    assert read_paper(path)["genres"] == []
    assert (row.state, row.tries) == ("failed", 1)
    assert "undo_mb" in row.reason
    assert row.retry_at is not None
    assert "undo_mb" in (undoing.undo_trouble(house.db, house.config.tags) or "")
    named = house.desk.tag(str(path), ("Folk",), house.now(), dry_run=False)
    assert named.failed
    assert "undo_mb" in named.reason

    assert undo(house, first).written
    house.time += 61
    house.settle()

    assert read_paper(path)["genres"] == [guess("B")]
    assert (house.row(path).tries, house.row(path).retry_at) == (0, None)


def test_history_tells_all_in_order(house: PaperHouse) -> None:
    """Each write with its cause and whose it is, what was undone, each word."""
    path = tagged(house, "a.mp3")
    undo(house, path)
    house.time += 100
    house.desk.tag(str(path), ("Zydeco",), house.now(), dry_run=False)
    house.time += 100
    paper(path, "a.mp3", ("Cajun",))
    house.settle()

    told = [event.as_json() for event in history_of(house.db, str(path))]

    assert [(e["what"], e.get("cause", e.get("kind"))) for e in told] == [
        ("write", "drop"),
        ("write", "undo"),
        ("write", "tag"),
        ("feedback", "label"),
        ("feedback", "label"),
    ]
    assert [e.get("origin") for e in told[:3]] == ["ours", "none", "person"]
    assert [e.get("state") for e in told[:3]] == ["undone", "done", "done"]
    assert told[1]["undoes"] == told[0]["at"]
    assert told[-1]["new"] == ["Cajun"]


@pytest.mark.parametrize(
    ("text", "hours"),
    [("2 hours", 2), ("90 min ago", 1.5), ("1 day", 24), ("2h", 2), ("1 Week", 168)],
)
def test_a_span_is_a_moment(text: str, hours: float) -> None:
    """Counted back from now."""
    assert moment_of(text, NOON) == NOON - timedelta(hours=hours)


def test_days_and_iso_times_are_moments() -> None:
    """Local where no zone is named."""
    yesterday = moment_of("yesterday", NOON).astimezone()
    assert (yesterday.hour, NOON - yesterday < timedelta(hours=48)) == (0, True)
    assert moment_of("2026-05-01T11:00:00Z", NOON) == NOON - timedelta(hours=1)
    assert moment_of("2026-04-30", NOON).astimezone().hour == 0


@pytest.mark.parametrize(
    "text", ["", "soon", "2 parsecs", "-1 h", "2026-13-01", "9999999999 weeks"]
)
def test_what_is_no_moment_is_said(text: str) -> None:
    """With examples of what is."""
    with pytest.raises(ConfigError, match="yesterday"):
        moment_of(text, NOON)


# --- a path at which several files lay in turn -----------------------------------------------


def other_music_at(house: PaperHouse, path: Path) -> None:
    """Let another track take the file's place, by a rename, and be tagged."""
    new = house.root / "new"
    paper(new, f"other than {path.name}")
    new.rename(path)
    house.settle()
    house.time += 100


def test_what_was_done_to_the_file_that_lay_there_before_is_not_offered(
    house: PaperHouse,
) -> None:
    """A copy moves to where its original was, two writes later: its own write is taken back."""
    copy, path = house.music / "copy.mp3", house.music / "a.mp3"
    paper(copy, "A", ("Unknown",))
    before = copy.read_bytes()
    house.settle()
    paper(path, "A", ("Unknown",), "a title")
    house.settle()
    assert house.desk.tag(str(path), ("Zydeco",), house.now(), dry_run=False).written
    other_music_at(house, path)
    copy.rename(path)
    house.settle()

    done = undo(house, path)

    assert not done.failed, done
    assert path.read_bytes() == before
    assert undo(house, path).failed
    assert path.read_bytes() == before


def test_a_backup_from_before_our_write_has_no_write_to_take_back(house: PaperHouse) -> None:
    """Even where a vanished copy lets it look like a move."""
    path, copy, backup = house.music / "a.mp3", house.music / "b.mp3", house.root / "backup"
    paper(path, "A", ("Rock",))
    house.settle()
    shutil.copy2(path, backup)
    assert house.desk.tag(str(path), ("Rock",), house.now(), dry_run=False).written
    shutil.copyfile(path, copy)
    house.settle()
    copy.unlink()
    house.settle()
    other_music_at(house, path)
    shutil.copy2(backup, path)
    house.settle()

    assert undo(house, path).failed
    assert path.read_bytes() == backup.read_bytes()


def test_a_backup_is_ours_again_where_other_music_lay_meanwhile(house: PaperHouse) -> None:
    """What we wrote to that other music does not stand in the way."""
    path, backup = house.music / "a.mp3", house.root / "backup"
    paper(path, "A", ("Unknown",))
    before = path.read_bytes()
    house.settle()
    shutil.copy2(path, backup)
    other_music_at(house, path)
    shutil.copy2(backup, path)
    house.settle()

    assert not undo(house, path).failed
    assert path.read_bytes() == before


def test_history_calls_a_word_taken_back_what_feedback_calls_it(
    house: PaperHouse, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not a rejection of no genre in favour of none."""
    path = tagged(house, "a.mp3")
    house.desk.tag(str(path), ("Zydeco",), house.now(), dry_run=False)
    undo(house, path)

    show_event(history_of(house.db, str(path))[-1])

    assert capsys.readouterr().out.endswith("  taken back (by undo)\n")


def test_what_another_file_took_the_place_of_stays_in_the_history(house: PaperHouse) -> None:
    """It is told, and its undo record can be dropped."""
    copy, path = house.music / "copy.mp3", house.music / "a.mp3"
    paper(copy, "A", ("Unknown",))
    house.settle()
    paper(path, "A", ("Unknown",), "a title")
    house.settle()
    other_music_at(house, path)
    copy.rename(path)
    house.settle()

    told = [event.reason for event in history_of(house.db, str(path))]
    freed = [row.id for row in forgettable(house.db, [str(path)], None)]

    assert "another file of this track lies there now" in told
    assert len(freed) == 3
