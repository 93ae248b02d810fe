"""A tagged library is read, chosen from, queued and heard, cut off and resumed; no file is written.

The workers are puppets here that hear at once; real audio stands at the end.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from sqlite_utils import Database

from core import registry
from core.analysis import Hearing
from core.decision.arrived import Tagged, Why, Wishes
from core.errors import AudioError, GenrewatchError, ModelError
from core.library import files, hearings, lessons, writes
from core.library.lessons import LessonRow
from core.library.schema import open_library
from core.library.writes import WriteRow
from core.stamp import Stamp
from daemon import processes
from daemon.cli import cli
from daemon.config import Config
from daemon.config import Model as Hears
from daemon.judging.judge import hearing_row
from daemon.learning.learning_from import Choice, Reading, choose, hear, queue_up
from tests.audio import make_audio, retag
from tests.factories import NOON, file_row

DEAF = replace(Config(), model=Hears(backbone="none"))
WISHES = Wishes(known=("Jazz", "Rock"))
Done = Callable[[Any, GenrewatchError | None], None]


class PuppetWorkers:
    """Hear whatever they are given at once, one after the other; *troubles* by path."""

    def __init__(self, troubles: dict[str, BaseException] | None = None) -> None:
        self.troubles = troubles or {}
        self.asked: list[str] = []
        self.closed = False

    def free(self) -> bool:
        return True

    def settle(self, now: float) -> None:
        pass

    def end_overdue(self, now: float) -> None:
        pass

    def close(self, *, kill: bool = False) -> None:
        self.closed = kill

    def start(
        self, call: str, arguments: Sequence[str], options: object, *, done: Done, **_: object
    ) -> None:
        path = arguments[0]
        self.asked.append(path)
        trouble = self.troubles.get(path)
        if isinstance(trouble, KeyboardInterrupt):
            raise trouble
        if isinstance(trouble, GenrewatchError):
            done(None, trouble)
        else:
            done(heard(path), None)


def heard(path: str) -> Hearing:
    """What is heard of the file: nothing where it is called silence."""
    count = 0 if "silence" in path else 2
    return Hearing(
        fingerprint=hashlib.sha256(path.encode()).hexdigest()[:32],
        duration_s=30.0,
        feature_version=1,
        model_version="base",
        starts_s=np.arange(count, dtype=np.float32),
        features=np.ones((count, 135), np.float32),
        scores=np.ones((1, count, 2), np.float32),
        genres=("Jazz", "Rock"),
        seconds_heard=10.0,
    )


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    record = open_library(tmp_path / "library.db")
    yield record
    record.close()


@pytest.fixture(scope="module")
def champion() -> registry.Manifest:
    return registry.load(registry.base_dir(backbone=False))


def chosen(*paths: str, most: int = 100, genre: str = "Jazz") -> Choice:
    found = tuple(Tagged(path=p, genres=(genre,), artist=p[-5]) for p in paths)
    return choose(Reading(files=found, unread=()), WISHES, most)


def run_through(db: Database, champion: registry.Manifest, workers: PuppetWorkers) -> Any:
    return hear(
        db,
        workers,  # type: ignore[arg-type]
        lambda: champion,
        DEAF,
        now=lambda: NOON,
        tell=lambda done, total: None,
    )


def test_each_file_is_heard_once_and_what_teaches_nothing_has_a_reason(
    db: Database, champion: registry.Manifest
) -> None:
    """Silence, a broken file, a copy of what we tagged ourselves."""
    ours = "/m/ours.mp3"
    written = WriteRow(
        path=ours,
        scratch="/m/.genrewatch-1.tmp",
        fingerprint=heard(ours).fingerprint,
        old=(),
        new=("jazz",),  # as the person spelled it then
        old_origin="none",
        origin="ours",
        cause="drop",
        writer_pid=1,
        writer_started="1",
    )
    files.remember_track(db, written.fingerprint or "", 30.0, NOON)
    writes.close_write(db, writes.open_write(db, written, NOON), "done", NOON)
    queue_up(db, chosen("/m/a.mp3", "/m/silence.mp3", "/m/torn.mp3", ours), ["/m"], NOON)
    workers = PuppetWorkers({"/m/torn.mp3": AudioError("torn", "/m/torn.mp3", "get it again")})

    done = run_through(db, champion, workers)

    assert (done.heard, done.failed, done.waiting) == (1, 3, 0)
    assert sorted(workers.asked) == sorted(
        ["/m/a.mp3", "/m/silence.mp3", "/m/torn.mp3", "/m/ours.mp3"]
    )
    assert lessons.reasons(db) == {
        "it is silent": 1,
        "torn; get it again": 1,
        Why.OURS.value: 1,
    }
    assert [item.fingerprint for item in lessons.learned(db, 1)] == [heard("/m/a.mp3").fingerprint]


def test_a_run_that_was_stopped_goes_on_where_it_was(
    db: Database, champion: registry.Manifest
) -> None:
    """By the same command or without naming the folder: what was heard is not heard again."""
    paths = [f"/m/{name}.mp3" for name in "abcde"]
    queue_up(db, chosen(*paths), ["/m"], NOON)
    third = [row.path for row in sorted(lessons.lessons_below(db, ["/m"]), key=lambda r: r.turn)][2]

    first = run_through(db, champion, workers := PuppetWorkers({third: KeyboardInterrupt()}))
    assert workers.closed
    assert first.waiting > 0
    known = first.heard
    queue_up(db, chosen(*paths), ["/m"], NOON)
    second = run_through(db, champion, again := PuppetWorkers())

    assert (second.heard, second.waiting) == (5 - known, 0)
    assert len(again.asked) == 5 - known
    assert lessons.progress(db).heard == 5


def test_a_model_that_cannot_be_used_is_no_file_s_fault(
    db: Database, champion: registry.Manifest
) -> None:
    """The run ends with its reason, and every file still waits."""
    queue_up(db, chosen("/m/a.mp3", "/m/b.mp3"), ["/m"], NOON)
    broken = PuppetWorkers({p: ModelError("no model") for p in ("/m/a.mp3", "/m/b.mp3")})

    with pytest.raises(ModelError):
        run_through(db, champion, broken)

    assert lessons.progress(db).waiting == 2


def test_the_choice_follows_the_library(db: Database) -> None:
    """What vanished is forgotten, a new genre takes the place of the old, failures are retried."""
    queue_up(db, chosen("/m/a.mp3", "/m/b.mp3", "/m/c.mp3", "/other/d.mp3"), ["/m"], NOON)
    lessons.mark_failed(db, "/m/b.mp3", "torn", NOON)
    files.remember_track(db, "fa", 30.0, NOON)
    for path in ("/m/a.mp3", "/m/c.mp3", "/other/d.mp3"):
        lessons.mark_heard(db, path, "fa", NOON)
    lessons.doubt(db, {"fa": 0.01})

    queue_up(db, chosen("/m/a.mp3", "/m/b.mp3", genre="Rock"), ["/m"], NOON)

    found = {row.path: row for row in lessons.lessons_below(db, ["/"])}
    assert sorted(found) == ["/m/a.mp3", "/m/b.mp3", "/other/d.mp3"]
    assert (found["/m/a.mp3"].genre, found["/m/a.mp3"].state) == ("Rock", "heard")
    assert found["/m/a.mp3"].doubted is None  # it was of another genre
    assert found["/other/d.mp3"].doubted == 0.01
    assert found["/m/b.mp3"].state == "waiting"


def test_a_file_that_cannot_be_read_today_is_not_forgotten(db: Database) -> None:
    """A share that is away costs nothing that was heard."""
    queue_up(db, chosen("/m/a.mp3"), ["/m"], NOON)
    away = replace(chosen(), reading=Reading(files=(), unread=(("/m/a.mp3", "away"),)))

    queue_up(db, away, ["/m"], NOON)

    assert [row.path for row in lessons.lessons_below(db, ["/m"])] == ["/m/a.mp3"]


def test_what_the_daemon_heard_is_not_heard_again(
    db: Database, champion: registry.Manifest, tmp_path: Path
) -> None:
    """As long as the file is as it was then."""
    path = tmp_path / "a.mp3"
    path.write_bytes(b"music")
    row = replace(heard(str(path)), feature_version=champion.feature_version)
    files.remember_track(db, row.fingerprint, 30.0, NOON)
    hearings.save_hearing(db, hearing_row(row))
    here = file_row(str(path), fingerprint=row.fingerprint, stamp=Stamp.of(path.stat()))
    files.save_file(db, here, NOON)
    queue_up(db, chosen(str(path)), [str(tmp_path)], NOON)

    done = run_through(db, champion, workers := PuppetWorkers())

    assert (done.heard, workers.asked) == (1, [])
    path.write_bytes(b"other music")
    lessons.set_lessons(db, [replace(_only(db), state="waiting")], (), NOON)
    run_through(db, champion, workers)
    assert workers.asked == [str(path)]


def _only(db: Database) -> LessonRow:
    return lessons.lessons_below(db, ["/"])[0]


# --- the command ----------------------------------------------------------------------------


def run(tmp_path: Path, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["--state-dir", str(tmp_path / "state"), *arguments])


def test_a_dry_run_says_what_would_be_learned_and_keeps_nothing(tmp_path: Path) -> None:
    """Real files: numbers, spellings, shelves of a store, our own tags, one that is no music."""
    folder = tmp_path / "music"
    folder.mkdir()
    for name, genre in {"a": "(17)", "b": "ROCK", "c": "Electronic", "d": "", "e": "Jazz"}.items():
        made = make_audio(folder / f"{name}.mp3", seconds=1.0, seed=ord(name))
        retag(made, genre=genre, artist=f"artist {name}")
    (folder / "torn.flac").write_bytes(b"fLaC")
    state = tmp_path / "state"
    state.mkdir()
    db = open_library(state / "library.db")
    ours = file_row(str(folder / "e.mp3"), genres=("Jazz",), origin="ours", state="tagged")
    files.save_file(db, replace(ours, fingerprint=None), NOON)
    before = {path: path.read_bytes() for path in folder.iterdir()}

    result = run(tmp_path, "learn", "--dry-run", "--json", str(folder))

    library = json.loads(result.stdout)["library"]
    assert (library["files"], library["lessons"], library["chosen"]) == (6, 2, 2)
    assert [(row["genre"], row["files"], row["also"]) for row in library["genres"]] == [
        ("Rock", 2, ["ROCK"])
    ]
    left = {(item["value"], item["reason"]) for item in library["left_out"]}
    assert {("Electronic", Why.BROAD), ("no genre", Why.EMPTY), ("Jazz", Why.OURS)} < left
    assert len(left) == 4
    assert lessons.progress(db).total == 0
    assert {path: path.read_bytes() for path in folder.iterdir()} == before
    words = run(tmp_path, "learn", "--dry-run", "--sample", "1", str(folder)).stdout
    assert "2 of 6 files teach a genre; 1 of them chosen to be heard." in words
    assert "  1 file: it is too broad (Electronic)\n" in words
    assert "  1 file: it has no genre\n" in words
    assert "genrewatch genres alias X Y" in words
    db.close()


FIGURES = {
    "library_tracks": 70.0, "library_artists": 48.0, "library_known": 1.0,
    **{f"library_{name}{end}": 0.5 for name in ("before", "after", "gain")
       for end in ("", "_low", "_high")},
}  # fmt: skip


def test_what_was_heard_is_looked_through_trained_on_and_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Doubts are shown and recorded; the figures have n, artists, interval and protocol."""
    state = tmp_path / "state"
    state.mkdir()
    db = open_library(state / "library.db")
    lesson = LessonRow(path="/m/a.mp3", tagged=("Jazz",), genre="Jazz", artist_key="x", turn=0)
    lessons.set_lessons(db, [lesson], (), NOON)
    files.remember_track(db, "fa", 30.0, NOON)
    lessons.mark_heard(db, "/m/a.mp3", "fa", NOON)
    doubt = {"fingerprint": "fa", "probability": 0.01, "instead": "Rock", "surely": 0.9}
    night = {"outcome": "refused", "reason": "it is no better", "version": "v", "metrics": FIGURES}

    def puppet(module: str, _arguments: list[str], **_: Any) -> Iterator[dict[str, Any]]:
        said = {"doubted": [doubt]} if module == processes.LESSONS else night
        yield {"event": "done", **said}

    monkeypatch.setattr(processes, "run_trainer", puppet)

    words = run(tmp_path, "learn")
    found = json.loads(run(tmp_path, "learn", "--json").stdout)

    assert words.exit_code == 0, words.output
    assert "Heard in all: 1 of 1 file." in words.stdout
    assert "/m/a.mp3: Jazz (1%), rather Rock (90%)" in words.stdout
    assert "the tags of 70 tracks by 48 artists" in words.stdout
    assert "before 50.0% [50.0-50.0], after 50.0% [50.0-50.0]; +50.0 points" in words.stdout
    assert "refused: it is no better" in words.stdout
    assert "1 file heard" in run(tmp_path, "status").stdout
    assert "after 50.0% [50.0-50.0]; refused" in run(tmp_path, "status").stdout
    assert "The model before stays in use. What the tags say still counts" in words.stdout
    assert [row.doubted for row in lessons.doubted(db)] == [0.01]
    assert found["training"]["figures"]["library_tracks"] == 70
    assert found["doubted"][0]["instead"] == "Rock"
    assert run(tmp_path, "learn", "--doubted").stdout == "/m/a.mp3: Jazz (1%)\n"
    assert json.loads(run(tmp_path, "learn", "--doubted", "--json").stdout) == [
        {"path": "/m/a.mp3", "tagged": "Jazz", "probability": 0.01}
    ]
    db.close()


def test_a_library_that_teaches_nothing_trains_nothing(tmp_path: Path) -> None:
    """It is said, and is no success."""
    folder = tmp_path / "music"
    folder.mkdir()
    retag(make_audio(folder / "a.mp3", seconds=1.0, seed=1), genre="Electronic")
    db = open_library(_made(tmp_path / "state") / "library.db")
    torn = LessonRow(path="/m/a.mp3", tagged=("Jazz",), genre="Jazz", artist_key="x", turn=0)
    lessons.set_lessons(db, [replace(torn, state="failed", reason="torn")], (), NOON)

    result = run(tmp_path, "learn", str(folder))

    assert result.exit_code == 1
    assert "There is nothing to learn from; nothing was trained." in result.stdout
    db.close()


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def test_status_says_how_far_it_is(tmp_path: Path) -> None:
    """As long as something waits."""
    state = tmp_path / "state"
    state.mkdir()
    db = open_library(state / "library.db")
    queue_up(db, chosen("/m/a.mp3", "/m/b.mp3"), ["/m"], NOON)
    lessons.mark_failed(db, "/m/a.mp3", "torn", NOON)

    words = run(tmp_path, "status").stdout
    found = json.loads(run(tmp_path, "status", "--json").stdout)["lessons"]

    assert "Tagged library: 1 of 2 files heard, stopped; go on with: genrewatch learn" in words
    assert (found["waiting"], found["heard"], found["failed"]) == (1, 0, 1)
    assert (found["running"], found["stage"]) == (False, None)
    lessons.mark_failed(db, "/m/b.mp3", "torn", NOON)
    assert "Tagged library" not in run(tmp_path, "status").stdout
    db.close()


def test_one_at_a_time_and_a_folder_for_a_dry_run(tmp_path: Path) -> None:
    """Two that hear the same files would only be in each other's way."""
    from core.errors import TrainingError
    from daemon.state import State, locked

    assert run(tmp_path, "learn", "--dry-run").exit_code == 2
    assert run(tmp_path, "learn").exit_code == 2
    with locked(State(root=tmp_path / "state").lessons_lock, TrainingError("busy")):
        result = run(tmp_path, "learn")
    assert isinstance(result.exception, TrainingError)
    assert "another process learns" in str(result.exception)


@pytest.mark.slow
def test_real_audio_is_heard_and_stays_as_it_is(
    db: Database, champion: registry.Manifest, tmp_path: Path
) -> None:
    """By a real worker: the features are kept, the bytes are the same."""
    music = tmp_path / "music"
    music.mkdir()
    paths = [str(make_audio(music / f"{n}.flac", seconds=3.0, seed=n)) for n in range(2)]
    before = [Path(path).read_bytes() for path in paths]
    queue_up(db, chosen(*paths), [str(music)], NOON)

    with processes.Workers(count=1, nice=0) as workers:
        done = run_through(db, champion, workers)  # type: ignore[arg-type]

    assert (done.heard, done.failed) == (2, 0)
    assert all(len(item.features) for item in lessons.learned(db, champion.feature_version))
    assert [Path(path).read_bytes() for path in paths] == before
