"""Invariant: what is learned is what people said, and learning changes no file that has a genre.

Random users live through drops, retags, answers, bulk edits and nights, over paper files and
the daemon's real steps, record and judge. A book keeps what each of them said.
"""

import random
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.decision.memory import recall
from core.decision.testimony import unprompted
from core.library import feedback_log, files, hearings
from core.names import Keys
from daemon.acts import Lot
from daemon.judging.judge import Judge
from tests import puppets
from tests.puppets import GENRES, PaperHouse, guess, paper, read_paper

SAID = (*GENRES, "Zydeco", "Polka")
ARTISTS = ("Ann", "Ben", "Cleo", "Dee", "")
OFTEN = {"drop": 7, "retag": 2, "clear": 1, "tag": 2, "answer": 2, "refuse": 1, "undo": 2}
RARELY = {"night": 4, "edit_many": 1}
MANY = 24  # files edited within seconds: a batch


def partly_sure(audio: str, model: str, count: int) -> Any:
    """Score audio as the paper model does, but a third of it so that nothing is sure."""
    scores = np.zeros((1, count, len(GENRES)), np.float32)
    sure = guess("sure", audio) != GENRES[0]
    scores[..., GENRES.index(guess(audio, model))] = 5.0 if sure else 1.0
    return scores


class Life:
    """One person with a library that grows, and the daemon beside it."""

    def __init__(self, root: Path, seed: int, options: dict[str, str]) -> None:
        self.rng = random.Random(seed)
        self.house = PaperHouse(root, threshold=0.9)
        config = self.house.config
        self.house.config = replace(config, policy=replace(config.policy, **options))
        self.may_rewrite = options.get("propagate") == "auto"
        self.house.reborn()
        self.book: dict[Path, list[str]] = {}  # what a person last left in a file
        self.words: dict[str, set[str]] = defaultdict(set)  # all that they called a track
        self.dropped = 0
        self.models = 0

    def live(self) -> None:
        """Do all there is to do, in an order of chance, and look at the files after each act."""
        acts = [name for name, times in (OFTEN | RARELY).items() for _ in range(times)]
        self.rng.shuffle(acts)
        for name in ("drop", *acts, "drop", "night"):
            getattr(self, name)()
            self.check()

    def drop(self) -> None:
        """Put one to five tracks of an album into the folder."""
        artist, album = self.rng.choice(ARTISTS), self.rng.choice("xyz")
        for _ in range(self.rng.randint(2, 5)):
            self.dropped += 1
            whose = {"artist": artist, "album": album} if artist else {}
            paper(self.house.music / f"{self.dropped}.mp3", f"T{self.dropped}", **whose)
        self.house.settle()

    def retag(self) -> None:
        """Change a genre in an editor."""
        for path in self.some():
            self.edit(path, (self.rng.choice(SAID),))
        self.house.settle()

    def clear(self) -> None:
        """Remove a genre in an editor."""
        for path in self.some():
            self.edit(path, ())
        self.house.settle()

    def edit_many(self) -> None:
        """Give many files one genre within seconds."""
        genre = self.rng.choice(SAID)
        for path in self.present()[:MANY]:
            self.edit(path, (genre,))
        self.house.settle()

    def tag(self) -> None:
        """Name a genre by command."""
        for path in self.some():
            self.name(path, self.rng.choice(SAID), "tag", None)

    def answer(self) -> None:
        """Answer in review for all files of an artist that wait."""
        waiting = files.files_in_state(self.house.db, "not_sure")
        if waiting:
            artist, lot = self.rng.choice(waiting).artist, Lot()
            genre = self.rng.choice(SAID)
            for row in waiting:
                if row.artist == artist:
                    self.name(Path(row.path), genre, "review", lot)

    def refuse(self) -> None:
        """Say "not this" of a file that waits."""
        for row in files.files_in_state(self.house.db, "not_sure")[:1]:
            first = hearings.verdict_of(self.house.db, row.fingerprint)
            assert first is not None
            self.house.desk.confirm_not(row.path, first.genres[0][0], self.house.now())

    def undo(self) -> None:
        """Take back the last write of a file."""
        for path in self.some():
            done = self.house.desk.undo(str(path), self.house.now(), dry_run=False)
            if not done.failed:
                self.book[path] = list(done.new)

    def night(self) -> None:
        """Let another model take over: unless by option, whatever has a genre keeps it."""
        self.house.settle()
        before = {path: genres_of(path) for path in self.present()}
        newest = last_write(self.house)
        self.models += 1
        self.house.new_model(f"night-{self.models}")
        self.house.settle()
        if self.may_rewrite:
            return
        for path, genres in before.items():
            assert not genres or genres_of(path) == genres, f"a new model changed {path}"
        changed = self.house.db.execute(
            "select count(*) from tag_writes where id > ? and old != '[]'", [newest]
        )
        assert changed.fetchone()[0] == 0

    def check(self) -> None:
        """Whatever a person set or removed stands as they left it."""
        for path, genres in self.book.items():
            assert genres_of(path) == genres, path

    def name(self, path: Path, genre: str, via: str, lot: Lot | None) -> None:
        now = self.house.now()
        done = self.house.desk.tag(str(path), (genre,), now, dry_run=False, via=via, lot=lot)
        assert not done.failed, done
        self.said(path, genre)

    def edit(self, path: Path, genres: tuple[str, ...]) -> None:
        was = read_paper(path)
        whose = {key: was[key] for key in ("artist", "album") if key in was}
        paper(path, was["audio"], genres, was["title"], **whose)
        if was["genres"] != list(genres):  # to save what stands there says nothing
            self.said(path, *genres)

    def said(self, path: Path, *genres: str) -> None:
        self.book[path] = list(genres)
        self.words[read_paper(path)["audio"]] |= set(genres)

    def present(self) -> list[Path]:
        return sorted(self.house.music.glob("*.mp3"))

    def some(self) -> list[Path]:
        there = self.present()
        return self.rng.sample(there, min(2, len(there)))


def genres_of(path: Path) -> list[str]:
    genres: list[str] = read_paper(path)["genres"]
    return genres


def last_write(house: PaperHouse) -> int:
    found: int = house.db.execute("select coalesce(max(id), 0) from tag_writes").fetchone()[0]
    return found


def learned(house: PaperHouse) -> tuple[object, ...]:
    """All that training, calibration, promise and gate take from the record."""
    labels = [(item.fingerprint, item.genre, item.group) for item in hearings.labels(house.db, 1)]
    judge = Judge(house.db, house.desk._judge._models, house.config.policy)  # remembers nothing
    blind = judge._blind().cases(judge.vocabulary().same)
    told = unprompted(feedback_log.all_feedback(house.db))
    return labels, told, blind.sure.tolist(), blind.right.tolist(), judge.footing()


BY_OPTION = {"propagate": "auto", "when_unsure": "best guess"}


@pytest.fixture(params=[(1, {}), (2, {}), (3, BY_OPTION)], ids=["one", "other", "by option"])
def life(
    tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Life]:
    """A life that was lived, and looked at after each act."""
    monkeypatch.setattr(puppets, "_scores", partly_sure)
    lived = Life(tmp_path, *request.param)
    lived.live()
    yield lived
    lived.house.close()


def test_a_person_s_genre_outlives_everything(life: Life) -> None:
    """No write of ours ever began on a genre that a person had set or removed."""
    ours = life.house.db.execute(
        "select count(*), sum(old_origin = 'person') from tag_writes "
        "where origin = 'ours' and undoes is null"
    ).fetchone()

    assert ours[0], "nothing was written, so nothing was tried"
    assert ours[1] == 0
    assert life.book


def test_our_own_guesses_teach_us_nothing(life: Life) -> None:
    """Whatever we had written, the labels, the promise and what the gate sees are the same.

    Only the memory hears it, as a whisper.
    """
    db = life.house.db
    before = learned(life.house)
    for track, genre, _ in before[0]:  # type: ignore[attr-defined]
        assert genre in life.words[track], "a label that no person gave"

    changed = db.execute("update files set genres = '[\"Gabber\"]' where origin = 'ours'").rowcount
    db.execute("update tag_writes set new = '[\"Gabber\"]' where origin = 'ours'")
    db.execute("update verdicts set genres = '[[\"Gabber\", 1.0]]'")
    db.execute("update arrivals set genre = 'Gabber'")

    assert changed
    assert learned(life.house) == before
    heard = [recall(db, "new", Keys(artist=name.casefold())).artist for name in ARTISTS]
    assert any("gabber" in counts.guessed for counts in heard)
    assert not any("gabber" in counts.said for counts in heard)
