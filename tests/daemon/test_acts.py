"""Acts at the desk that need no worker, on the shipped model and a real record."""

import sqlite3
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlite_utils import Database

from core.decision.identity import Met
from core.library import feedback_log, files, hearings, writes
from core.library.hearings import HearingRow
from core.library.schema import open_library
from core.registry import Registry, base_dir
from core.tags.journal import Writer
from daemon.acts import Desk
from daemon.config import Config, Model
from daemon.life import meeting
from daemon.processes import PROBE, Workers
from tests.audio import genres_in, make_audio
from tests.factories import NOON, file_row


@pytest.fixture
def db(tmp_path: Path) -> Database:
    db = open_library(tmp_path / "library.db")
    files.remember_track(db, "f1", 6.0, NOON)
    return db


def desk(db: Database, tmp_path: Path, workers: Workers) -> Desk:
    models = Registry(tmp_path / "models", base_dir(backbone=False))
    config = Config(model=Model(backbone="none"))
    return Desk(db, models, config, workers, writer=Writer(pid=1, started="x"))


def heard_by_another_model() -> HearingRow:
    """Two members and two genres, as no shipped model has."""
    return HearingRow(
        fingerprint="f1",
        feature_version=1,
        model_version="another",
        genres=("Jazz", "Rock"),
        segments=1,
        track_features=np.zeros((2, 135), np.float32),
        pooled_scores=np.zeros((2, 2), np.float32),
        starts_s=np.zeros(1, np.float32),
        features=np.zeros((1, 135), np.float32),
        scores=np.zeros((2, 1, 2), np.float32),
    )


def test_not_this_is_remembered_under_a_new_model_too(db: Database, tmp_path: Path) -> None:
    """What another model heard cannot be judged by this one, and need not be."""
    files.save_file(db, file_row("/m/a.mp3", state="not_sure"), NOON)
    hearings.save_hearing(db, heard_by_another_model())

    with Workers() as workers:
        done = desk(db, tmp_path, workers).confirm_not("/m/a.mp3", "Jazz", NOON)

    assert not done.failed
    assert [row.kind for row in feedback_log.all_feedback(db)] == ["rejection"]


def test_a_dry_run_sets_nothing_aside(db: Database, tmp_path: Path) -> None:
    """It writes nowhere, the record included."""
    path = str(tmp_path / "gone.mp3")
    files.save_file(db, file_row(path), NOON)

    with Workers(nice=0) as workers:
        done = desk(db, tmp_path, workers).tag(path, ("Jazz",), NOON, dry_run=True)

    row = files.file_at(db, path)
    assert done.failed
    assert row is not None
    assert row.state == "pending"


def test_a_copy_of_what_lies_on_a_lost_mount_is_no_move(db: Database, tmp_path: Path) -> None:
    """What is known of the file on the mount waits for the mount."""
    mount = tmp_path / "mount"
    copy = make_audio(tmp_path / "copy.mp3", "mp3", seconds=2)
    with Workers(nice=0) as workers:
        probe = workers.call(PROBE, str(copy), timeout=60)
        files.remember_track(db, probe.fingerprint, probe.duration_s, NOON)
        away = file_row(str(mount / "a.mp3"), fingerprint=probe.fingerprint, state="left")
        files.save_file(db, away, NOON)

        files.watch_folder(db, str(mount), NOON)

        desk(db, tmp_path, workers).tag(str(copy), (), NOON, dry_run=False)

    assert files.file_at(db, str(mount / "a.mp3")) is not None


def test_what_nobody_here_can_hear_can_be_named(db: Database, tmp_path: Path) -> None:
    """OptimFROG has no decoder here: only a person's word gives it a genre."""
    path = tmp_path / "a.ofr"
    path.write_bytes(b"OFR " + struct.pack("<IIHBBI", 15, 9, 0, 0, 1, 44_100) + bytes(999))

    with Workers(nice=0) as workers:
        by_ear = desk(db, tmp_path, workers).tag(str(path), (), NOON, dry_run=False)
        by_word = desk(db, tmp_path, workers).tag(str(path), ("R&B/Soul",), NOON, dry_run=False)

    assert by_ear.failed
    assert by_word.written
    assert genres_in(path) == ["R&B/Soul"]


@pytest.mark.parametrize("kind", ["mp3", "flac", "m4a", "ogg", "wav"])
def test_several_writes_go_back_bit_for_bit(db: Database, tmp_path: Path, kind: str) -> None:
    """By real workers: named twice, taken back at once, and nothing lies beside the file."""
    (tmp_path / "music").mkdir()
    path = make_audio(tmp_path / "music" / f"a.{kind}", seconds=2, title="A title")
    before = path.read_bytes()
    with Workers(nice=0) as workers:
        here = desk(db, tmp_path, workers)
        for genre in ("Zydeco", "Cajun"):
            done = here.tag(str(path), (genre,), NOON, dry_run=False)
            assert done.written, done
        first = writes.standing_writes_at(db, str(path))[-1]

        undone = here.undo(str(path), NOON, dry_run=False, back_to=first.id)

    assert (undone.old, undone.new, undone.failed) == (("Cajun",), (), False)
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == [path.name]
    assert writes.undo_bytes(db) == 0


def test_what_a_file_says_is_met_and_noted_in_one(
    db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the daemon could note the same retag in between, and it would count twice."""
    path = make_audio(tmp_path / "a.mp3", seconds=2)
    other = sqlite3.connect(db.execute("pragma database_list").fetchone()[2], timeout=0)
    meet = meeting.meet_probe

    def meet_alone(*given: Any, **more: Any) -> Met:
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("begin immediate")
        return meet(*given, **more)

    monkeypatch.setattr(meeting, "meet_probe", meet_alone)
    with Workers(nice=0) as workers:
        done = desk(db, tmp_path, workers).tag(str(path), ("Jazz",), NOON, dry_run=False)

    assert done.written
