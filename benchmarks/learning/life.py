"""One person lives with the program: files come, guesses are made, some are corrected.

What is noted is the first guess of each file, by the program's own record, held against what
this person calls it; besides what was written, asked, and whether anything happened that
must not.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, fields, replace
from pathlib import Path
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.bench import Bench
from benchmarks.accuracy.store import Arrays
from benchmarks.learning.house import House, room
from benchmarks.learning.library import Clip, Half, shipped
from benchmarks.learning.people import Person, arriving, names
from core.decision.feedback import Origin
from core.decision.memory import Counts, Evidence
from core.library.arrivals import ArrivalRow
from core.library.files import FileRow
from core.library.hearings import HearingRow
from core.taxonomy import fold, fold_all
from daemon.config import Policy
from daemon.judging.judge import Judge, Said

__all__ = ["CONDITIONS", "LIVING", "Condition", "Diary", "Life", "live", "lived"]

NIGHT = 50  # files between two nights
CODE = ("core.learning.nightly", "core.learning.ensemble.export", "core.decision.batches")
HERE = Path(__file__).parents[2]


def _module(path: Path) -> str:
    """Return how Python calls the module at *path*."""
    return ".".join(path.relative_to(HERE).with_suffix("").parts)


# Whatever a life hangs on; the program's resident, which imports most of it, and this room.
LIVING = (
    *CODE,
    *(_module(path) for path in sorted((HERE / "daemon").rglob("*.py"))),
    *(
        f"benchmarks.learning.{name}"
        for name in ("house", "library", "life", "namesakes", "people")
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """What the program is allowed."""

    name: str
    sources: tuple[str, ...]  # of evidence beyond the model and the word on the track itself
    nights: bool
    albums: bool = True  # judged together


MEMORY = ("album", "composer", "artist", "neighbours")
CONDITIONS: Mapping[str, Condition] = {
    condition.name: condition
    for condition in (
        Condition(name="static", sources=(), nights=False, albums=False),
        Condition(name="nightly only", sources=(), nights=True, albums=False),
        Condition(name="artist memory only", sources=("artist",), nights=False, albums=False),
        Condition(name="memory only", sources=MEMORY, nights=False),
        Condition(name="all", sources=MEMORY, nights=True),
        Condition(name="all, by track", sources=MEMORY, nights=True, albums=False),
    )
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Diary:
    """What happened, file by file in the order in which they came."""

    who: NDArray[np.str_]  # [n], the artist in truth
    album: NDArray[np.str_]  # [n], as tagged, "" for none
    seen: NDArray[np.bool_]  # [n], a file of this artist, as tagged, had come before
    wrong: NDArray[np.bool_]  # [n], the first guess
    written: NDArray[np.bool_]  # [n], on arrival
    acts: NDArray[np.int64]  # [n], of the person, on this file
    guess: NDArray[np.str_]  # [n], the first guess
    wrote: NDArray[np.bool_]  # [n], that we ever wrote to it on our own account
    wrote_wrongly: NDArray[np.bool_]  # [n], and what we wrote first was not what it is
    nights: NDArray[np.str_]  # what came of each
    changed: NDArray[np.int64]  # [2], files of a person's genre changed; rewritten by us

    @property
    def places(self) -> NDArray[np.int64]:
        """[n], from 0."""
        return np.arange(len(self.wrong))


def lived(
    bench: Bench, side: Half, person: Person, condition: Condition, *, members: int = 0
) -> Diary:
    """Return the diary of *person* with this half, from the bench's store where it is."""
    track = sorted(clip.fingerprint for clip in side.library)
    key = f"life {bench.identity} {side.name} {len(track)} {_told(person)} {condition} {members}"

    def make() -> Arrays:
        with room() as root:
            base = shipped(bench, side, root / "base")
            diary = live(root, base, side, person, condition, members=members)
        return {name: getattr(diary, name) for name in Diary.__slots__}

    return Diary(**bench.store.kept(key, make, code=LIVING))


def live(
    root: Path,
    base: Path,
    side: Half,
    person: Person,
    condition: Condition,
    *,
    members: int = 0,
) -> Diary:
    """Live with the model folder *base* under *root*, and return the diary."""
    policy = Policy() if condition.albums else Policy(album_by_track=(str(root),))
    clips = {clip.fingerprint: clip for clip in side.library}
    house = House(root / "house", base, clips, members=members, policy=policy)
    try:
        with _allowed(condition):
            return Life(house, side, person, condition).through()
    finally:
        house.close()


class Life:
    """A library filling up."""

    def __init__(self, house: House, side: Half, person: Person, condition: Condition) -> None:
        self.house = house
        self.side = side
        self.person = person
        self.condition = condition
        self.names = names(person, side.library, [side.seed, int(side.swapped)])
        self.rng = np.random.default_rng([side.seed, int(side.swapped), 13])
        # what the person will do is drawn first, file by file: the same under all conditions
        fingerprints = sorted(self.names)
        chance = dict(zip(fingerprints, self.rng.random((len(fingerprints), 2)), strict=True))
        self.fixes = {name: chance[name][0] < person.fixes for name in fingerprints}
        self.slips = {name: chance[name][1] < person.slips for name in fingerprints}
        self.came: list[Clip] = []
        self.guesses: dict[str, ArrivalRow] = {}
        self.acts: dict[str, int] = {}
        self.words: dict[str, str] = {}  # fingerprint -> what the person said last
        self.nights: list[str] = []
        self.rewritten = 0

    def through(self) -> Diary:
        """Live until the last file has come."""
        slept = 0
        edited = not self.person.tagger
        for group in arriving(self.person, self.side.library):
            self.house.arrive(*group)
            self.came += group
            for clip in group:
                self.guesses[clip.fingerprint] = self.house.guessed(clip)
            for clip in group:
                self._react(clip)
            if self.person.audits:
                self._answer_audits()
            if not edited and len(self.came) >= len(self.side.library) // 2:
                edited = True
                self._edit_all()
            if len(self.came) // NIGHT > slept:
                slept = len(self.came) // NIGHT
                self._night()
        return self._diary()

    # the person --------------------------------------------------------------------------

    def _react(self, clip: Clip) -> None:
        guess, mine = self.guesses[clip.fingerprint], self.names[clip.fingerprint]
        wrong = _differs(guess, mine)
        if wrong and self.fixes[clip.fingerprint]:
            self._say(clip, mine)
        elif not wrong and self.slips[clip.fingerprint]:
            self._say(clip, self._another(mine))
        elif self.person.player and self.house.genres(clip):
            self.house.retag((clip, ()), other="played once")

    def _answer_audits(self) -> None:
        for audit in self.house.audits():
            fingerprint = audit.row.fingerprint or ""
            mine = self.names[fingerprint]
            self.house.answer_audit(audit, mine)
            self.acts[fingerprint] = self.acts.get(fingerprint, 0) + 1
            self.words[fingerprint] = mine

    def _say(self, clip: Clip, genre: str) -> None:
        """Name the genre: in a player where one stands there, else in review."""
        if self.in_a_player(clip):
            self.house.retag((clip, (genre,)))
        else:
            self.house.answer(clip, genre)
        self.acts[clip.fingerprint] = self.acts.get(clip.fingerprint, 0) + 1
        self.words[clip.fingerprint] = genre

    def in_a_player(self, clip: Clip) -> bool:
        """Say whether the person names the clip's genre in another program than ours."""
        return bool(self.house.genres(clip))

    def _another(self, genre: str) -> str:
        others = sorted({name for name in self.names.values() if name != genre})
        return others[int(self.rng.integers(len(others)))]

    def _edit_all(self) -> None:
        """Let another tagger look up all files that are there, and change other fields, too."""
        shops = ("Alternative", "Soundtrack", "World", *sorted(set(self.names.values())))
        edits = [(clip, (shops[int(self.rng.integers(len(shops)))],)) for clip in self.came]
        self.house.retag(*edits, other="looked up")
        for clip, genres in edits:
            self.words[clip.fingerprint] = genres[0]  # it stands there, whoever said it

    def _night(self) -> None:
        before = {clip.fingerprint: self.house.genres(clip) for clip in self.came}
        if self.condition.nights:
            self.nights.append(self.house.night().outcome)
        for clip in self.came:
            old = before[clip.fingerprint]
            self.rewritten += bool(old) and old != self.house.genres(clip)

    # what came of it ---------------------------------------------------------------------

    def _diary(self) -> Diary:
        guesses = [self.guesses[clip.fingerprint] for clip in self.came]
        mine = [self.names[clip.fingerprint] for clip in self.came]
        wrote = [self.house.written(clip) for clip in self.came]
        kept = [self._is_kept(clip) for clip in self.came]
        return Diary(
            who=np.array([clip.who for clip in self.came]),
            album=np.array([f"{c.artist}/{c.album}" if c.album else "" for c in self.came]),
            seen=np.array(list(_seen(self.came))),
            wrong=np.array([_differs(g, m) for g, m in zip(guesses, mine, strict=True)]),
            written=np.array([guess.decision == "written" for guess in guesses]),
            acts=np.array([self.acts.get(clip.fingerprint, 0) for clip in self.came]),
            guess=np.array([guess.genre or "" for guess in guesses]),
            wrote=np.array([bool(past) for past in wrote]),
            wrote_wrongly=np.array(
                [
                    bool(past) and fold(m) not in fold_all(past[0])
                    for past, m in zip(wrote, mine, strict=True)
                ]
            ),
            nights=np.array(self.nights, dtype=str),
            changed=np.array([kept.count(False), self.rewritten + sum(len(w) > 1 for w in wrote)]),
        )

    def _is_kept(self, clip: Clip) -> bool:
        """Whether what a person, or their program, wrote last is what stands there."""
        said = self.words.get(clip.fingerprint)
        return said is None or self.house.genres(clip) == (said,)


@contextmanager
def _allowed(condition: Condition) -> Iterator[None]:
    """Let the judge hear of the condition's sources alone."""
    whole = Judge._evidence

    def some(
        judge: Judge, hearing: HearingRow, row: FileRow, now: Said, *, but: Origin | None = None
    ) -> Evidence:
        said = whole(judge, hearing, row, now, but=but)
        silent = {name: Counts() for name in MEMORY if name not in condition.sources}
        return replace(said, **silent)

    limited = set(condition.sources) != set(MEMORY)
    with patch.object(Judge, "_evidence", some) if limited else nullcontext():
        yield


def _differs(guess: ArrivalRow, genre: str) -> bool:
    return guess.genre is None or fold(guess.genre) != fold(genre)


def _seen(clips: Sequence[Clip]) -> Iterator[bool]:
    met: set[str] = set()
    for clip in clips:
        yield clip.artist is not None and clip.artist in met
        met |= {clip.artist} if clip.artist else set()


def _told(person: Person) -> str:
    """All that a person is, as one line: the code of how they name things is a key of its own."""
    said = {field.name: getattr(person, field.name) for field in fields(person)}
    return str({**said, "naming": person.naming.__name__})
