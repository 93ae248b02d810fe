"""The learning benchmark: its libraries, its house, its people, and its short form."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.accuracy.bench import Bench
from benchmarks.accuracy.made_up import made_up, quick
from benchmarks.accuracy.store import Store
from benchmarks.learning import daemon_run, figures, tagger, taste, trap
from benchmarks.learning.daemon_run import Ended, Lived
from benchmarks.learning.house import House
from benchmarks.learning.library import Half, albums, half, shipped
from benchmarks.learning.life import CONDITIONS, LIVING, Diary, live
from benchmarks.learning.people import PEOPLE, arriving, names
from core import registry
from core.library.feedback_log import all_feedback
from daemon.config import Policy

AT_ONCE = Policy(threshold=0.0)  # whatever is heard is written


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """Made-up excerpts, whose fits are kept for all tests here."""
    return made_up(Store(tmp_path_factory.mktemp("kept")), quick(), artists=8, each=4)


def artists(side: Half) -> set[str]:
    """Return whose music the library holds."""
    return {clip.who for clip in side.library}


def test_no_artist_is_on_both_sides(bench: Bench) -> None:
    """Swapped, the two sides change places; the library is P1's, each clip once."""
    one, other = half(bench, 3), half(bench, 3, swapped=True)

    for side in (one, other):
        by_genre = {genre: set() for genre in bench.genres}
        for track in side.base:
            by_genre[track.genre].add(track.group)
        assert all(len(whose) >= 2 for whose in by_genre.values())
        assert not artists(side) & {track.group for track in side.base}
        assert len({clip.fingerprint for clip in side.library}) == len(side.library)
    assert artists(one) | artists(other) == {track.group for track in bench.tracks}
    assert not artists(one) & artists(other)
    assert len(one.library) + len(other.library) == bench.short.sum()
    assert np.array_equal(one.judged, [len(track.features) == 1 for track in one.base])


def test_the_same_seed_makes_the_same_library(bench: Bench) -> None:
    """In the same order, on the same albums; another one another."""
    paths = [[clip.path for clip in half(bench, seed).library] for seed in (1, 1, 2)]

    assert paths[0] == paths[1] != paths[2]


def test_albums_are_of_one_artist_and_not_large(bench: Bench) -> None:
    """Two to six files each, but for what is left over; nobody knows an unknown artist."""
    known = frozenset(sorted({track.group for track in bench.tracks})[:5])
    clips = albums(bench.tracks, known, seed=1)
    found = {(clip.artist, clip.album) for clip in clips if clip.artist}

    for artist, album in found:
        mine = [clip for clip in clips if (clip.artist, clip.album) == (artist, album)]
        assert len(mine) <= 6
        assert {clip.who for clip in mine} == {artist}
    assert {clip.who for clip in clips if clip.artist} == known
    assert all(clip.album is None for clip in clips if clip.artist is None)


def test_what_is_shipped_is_a_whole_model_of_the_base_side(bench: Bench, tmp_path: Path) -> None:
    """It knows no track of the library; the second time it comes from the store."""
    side = half(bench, 3)
    folders = [shipped(bench, side, tmp_path / name) for name in ("a", "b")]
    found = registry.load(folders[0])

    assert found.fingerprints == {track.fingerprint for track in side.base}
    assert not found.fingerprints & {clip.fingerprint for clip in side.library}
    assert registry.load(folders[1]).fingerprints == found.fingerprints


# --- a life ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def base(bench: Bench, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What would be shipped after one half."""
    return shipped(bench, half(bench, 3), tmp_path_factory.mktemp("base"))


def test_the_house_is_the_program(bench: Bench, base: Path, tmp_path: Path) -> None:
    """A guess is written or asked; a retag in a player corrects, an answer in review labels."""
    side = half(bench, 3)
    first, second = side.library[:2]
    house = House(tmp_path, base, {c.fingerprint: c for c in side.library}, policy=AT_ONCE)

    house.arrive(first)
    assert house.genres(first) == (house.guessed(first).genre,)
    house.retag((first, ("Zydeco",)))
    house.arrive(second)
    house.answer(second, "Polka")

    words = [(row.kind, row.new, row.via) for row in all_feedback(house.db)]
    assert words == [("correction", ("Zydeco",), "retag"), ("correction", ("Polka",), "review")]
    assert house.genres(first) == ("Zydeco",)
    assert len(house.written(first)) == 1
    assert house.night().outcome == "skipped"
    house.close()


def test_the_first_writes_are_asked_about(bench: Bench, base: Path, tmp_path: Path) -> None:
    """All of the first 25; what is answered is not asked again."""
    side = half(bench, 3)
    house = House(tmp_path, base, {c.fingerprint: c for c in side.library}, policy=AT_ONCE)
    house.arrive(*side.library[:24])
    assert not house.audits()

    house.arrive(side.library[24])
    asked = house.audits()
    house.answer_audit(asked[0], "Zydeco")

    assert len(asked) == 25
    assert len(house.audits()) == 24
    assert [(row.new, row.via) for row in all_feedback(house.db)] == [(("Zydeco",), "audit")]
    house.close()


def test_memory_is_what_a_condition_allows(bench: Bench, base: Path, tmp_path: Path) -> None:
    """Without any the second file of an artist is guessed as if nobody had said anything."""
    side, person = half(bench, 3), PEOPLE["renamer"]
    diaries = {
        name: live(tmp_path / name, base, side, person, CONDITIONS[name])
        for name in ("static", "memory only")
    }
    static, whole = diaries.values()

    assert static.acts.sum() == static.wrong.sum()
    assert whole.wrong[whole.seen].sum() < static.wrong[static.seen].sum()
    assert not static.nights.size
    assert static.changed.tolist() == whole.changed.tolist() == [0, 0]
    assert static.who.tolist() == whole.who.tolist()


def test_people_differ_in_what_they_call_their_music(bench: Bench) -> None:
    """Each as its name says, the same each time."""
    clips = half(bench, 3).library
    called = {name: names(person, clips, [1]) for name, person in PEOPLE.items()}
    genres = {clip.genre for clip in clips}
    same = {name for name, mine in called.items() if mine == called["every error"]}

    assert same == set(PEOPLE) - {"splitter", "merger", "renamer", "contrarian", "two genres"}
    assert len(set(called["merger"].values())) < len(genres)
    assert len(set(called["renamer"].values())) == len(genres)
    assert len(set(called["splitter"].values())) > len(genres)
    for name, person in PEOPLE.items():
        assert names(person, clips, [1]) == called[name]


def test_albums_come_whole(bench: Bench) -> None:
    """To those whose music comes album by album; each file once."""
    clips = half(bench, 3).library
    groups = arriving(PEOPLE["album bursts"], clips)

    assert sorted(c.fingerprint for g in groups for c in g) == sorted(c.fingerprint for c in clips)
    assert all(len({(clip.artist, clip.album) for clip in group}) == 1 for group in groups)
    assert [len(group) for group in arriving(PEOPLE["every error"], clips)] == [1] * len(clips)


def test_a_tagger_is_obeyed_and_teaches_nothing(bench: Bench) -> None:
    """Until somebody says that its edits are theirs; nobody writes to its files."""
    (found,) = tagger.rows(bench, (3,), files=40).values()

    assert found["batches"] == [f"{found['to another genre']} files, a program's"]
    assert found["files that it was not obeyed for"] == found["files that we wrote to since"] == 0
    assert found["labels to learn from, with it"] == found["labels to learn from, without it"]
    assert found['labels to learn from after "mine"'] >= found["to another genre"] > 20


# --- the daemon beside it --------------------------------------------------------------------


def ended(**given: object) -> Ended:
    """Return a file that came to nothing, but for what is *given*."""
    said = {"guess": "Jazz", "confidence": 0.5, "sure": 0.5, "source": "model", "met": False}
    became = {"decision": "not sure", "now": "Jazz", "state": "not_sure", "origin": "none"}
    return Ended(**{**said, **became, "genres": (), **given})  # type: ignore[arg-type]


def lived(*ends: Ended) -> Lived:
    """Return a life in which the files of a, b, … ended so."""
    named = dict(zip("abcd", ends, strict=False))
    no = [False] * len(ends)
    return Lived(diary=diary(no, no), ends=named, heard=named, words={}, seconds=1.0)


def test_two_lives_differ_where_a_decision_does() -> None:
    """By a thousandth they are the same; each file that differs is told with what differs."""
    one = lived(ended(), ended(confidence=0.7001), ended())
    other = lived(ended(), ended(confidence=0.7), ended(guess="Rock", genres=("Rock",)))

    found = daemon_run.compared(one, other)

    assert (found["files"], found["identical"], found["met"]) == (3, 2, False)
    assert found["differing"] == {"3: c": ["guess 'Jazz', not 'Rock'", "genres (), not ('Rock',)"]}
    assert daemon_run.compared(one, one)["met"]


# --- the trap --------------------------------------------------------------------------------


def test_a_refit_is_given_nothing_but_what_was_corrected() -> None:
    """And only after the first night; until then the start guesses."""
    truth, start = np.arange(120) % 2, np.tile([0.9, 0.1], (120, 1))
    given: list[np.ndarray] = []

    def refit(corrected: np.ndarray) -> np.ndarray:
        given.append(corrected.copy())
        return np.tile([0.1, 0.9], (120, 1))

    wrong = trap._through(
        np.arange(120), np.concatenate([truth[:50], truth[50:] * 0]), start, refit
    )
    assert not given  # one genre alone was corrected
    assert wrong.tolist()[:4] == [False, True, False, True]

    mixed = np.concatenate([np.arange(50) % 3, np.zeros(70, int)])
    wrong = trap._through(np.arange(120), mixed, np.tile([0.9, 0.1, 0.0], (120, 1)), refit)
    assert not given[0][mixed == 0].any()
    assert given[0].sum() == (mixed != 0).sum()
    assert wrong[50:].all()


def test_the_program_does_no_worse_than_nothing(bench: Bench) -> None:
    """Its own row of the trap, on made-up excerpts; the plain part needs a backbone."""
    found = trap.rows(bench, (3,))

    assert len(found) == 2
    assert all(figure["met"] for figure in found.values())


# --- figures ---------------------------------------------------------------------------------


def diary(wrong: list[bool], seen: list[bool]) -> Diary:
    """Return a diary of as many artists as files, of whom nothing was written."""
    count = len(wrong)
    no = np.zeros(count, dtype=bool)
    return Diary(
        who=np.array([f"artist {number}" for number in range(count)]),
        album=np.array([""] * count),
        seen=np.array(seen),
        wrong=np.array(wrong),
        written=no,
        acts=np.array(wrong, dtype=int),
        guess=np.array(["Jazz"] * count),
        wrote=no,
        wrote_wrongly=no,
        nights=np.array(["refused"]),
        changed=np.array([0, 1]),
    )


def test_figures_are_paired_and_bounded() -> None:
    """Half as many errors are -50 %; where both are the same nothing is left to chance."""
    seen = [False, False, True, True] * 5
    old = {(1, False): diary([True] * 20, seen), (1, True): diary([True] * 20, seen)}
    new = {(1, False): diary([True, False] * 10, seen), (1, True): diary([True, False] * 10, seen)}

    assert figures.per_100(new, taste.wrong)["value"] == 50
    assert figures.per_100(new, taste.wrong, taste.between(0, 10))["n"] == 20
    assert figures.fell(old, new, taste.wrong)["percent"] == -50
    same = figures.rose(old, old, taste.wrong, taste.not_seen)
    assert (same["points"], same["low"], same["high"], same["n"]) == (0, 0, 0, 20)
    counted = figures.counts(old)
    assert counted["nights"] == {"refused": 2}
    assert counted["files rewritten by a new model"] == 2


def test_a_kept_life_hangs_on_every_room_of_the_resident() -> None:
    """Else a figure would be of code that is there no more."""
    root = Path(__file__).parents[2]
    rooms = [path.relative_to(root).with_suffix("") for path in (root / "daemon").rglob("*.py")]

    assert {".".join(room.parts) for room in rooms} <= set(LIVING)
    assert "daemon.judging.judge" in LIVING
