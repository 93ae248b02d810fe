"""One key for a whole group; each answer is a word of the person's, all of it one act."""

import shutil
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from core.library import feedback_log, hearings, lots, writes
from core.library.files import FileRow
from core.library.hearings import VerdictRow
from daemon.acts import Tagged
from daemon.cli import cli
from daemon.life.undoing import chosen, chosen_acts
from daemon.life.writing import Lot
from daemon.review.asking import Enough
from daemon.review.groups import grouped
from daemon.review.renewing import renew_at
from daemon.review.waiting import known_genres, unsure
from daemon.review.walk import Act, meaning, walk_through
from daemon.telling.status import Judged
from tests.factories import NOON, file_row
from tests.filehouse import in_memory
from tests.puppets import FAINT, GENRES, PaperHouse, guess, paper, read_paper

FILES = 40
REFUSED = "another write of this file is under way"


class Desk:
    """Stands in for the desk, to see what the answers ask of it."""

    def __init__(self, refuses: str = "") -> None:
        self.asked: list[tuple[str, ...]] = []
        self.lots: list[int] = []
        self._refuses = refuses

    def tag(
        self,
        path: str,
        genres: tuple[str, ...],
        now: datetime,
        *,
        dry_run: bool,
        via: str,
        lot: Lot,
        shown: FileRow,
    ) -> Tagged:
        if path == self._refuses:
            return Tagged(path=path, reason=REFUSED, failed=True)
        self.asked.append((path, *genres, via))
        self.lots.append(id(lot))
        return Tagged(path=path, new=genres, written=True, reason="written")

    def confirm_not(
        self, path: str, genre: str, now: datetime, *, lot: Lot, shown: FileRow
    ) -> Tagged:
        self.lots.append(id(lot))
        self.asked.append((path, f"not {genre}"))
        return Tagged(path=path, reason="remembered")

    def last_word(self) -> int:
        return 0

    def by_album(self, items: Iterable[Judged]) -> list[list[Judged]]:
        return [list(items)]

    def judged_anew(self, items: Iterable[Judged], now: datetime) -> tuple[Judged, ...]:
        return tuple(items)


def waiting(*paths: str, artist: str | None = None) -> tuple[Judged, ...]:
    verdict = VerdictRow(
        fingerprint="f1",
        model_version="m",
        genres=(("Rock", 0.5), ("Jazz", 0.3), ("Pop", 0.2), ("Blues", 0.0)),
        evidence="model",
        segments=1,
    )
    return tuple(
        Judged(
            row=file_row(path, state="not_sure", artist=artist or path, album=path[:2]),
            verdict=verdict,
        )
        for path in paths
    )


def answered(items: tuple[Judged, ...], answers: str, desk: Desk | None = None) -> tuple[Desk, str]:
    desk = desk or Desk()
    with CliRunner().isolation(input=answers) as (out, _, _):
        with suppress(Enough):
            walk_through(grouped(items), desk, lambda: NOON, {"dub": "Dub"})  # type: ignore[arg-type]
        return desk, out.getvalue().decode()


@pytest.mark.parametrize(
    ("answers", "asked"),
    [
        ("1\n2\n", [("/a", "Rock", "review"), ("/b", "Jazz", "review")]),
        ("Doom\n\n", [("/a", "Doom", "review")]),  # another genre; later
        ("dub\ns\n", [("/a", "Dub", "review")]),  # as it is spelled; later
        ("n\nq\n", [("/a", "not Rock")]),
        ("q\n", []),
        ("4\n1\n", [("/a", "Rock", "review")]),  # no such guess: asked again
        ("x\nN\nQ\n", [("/a", "not Rock")]),  # no such key; keys may be large
        ("²\nq\n", []),  # a slip beside the 1 of a French keyboard
        ("1\n", [("/a", "Rock", "review")]),  # the input ends: what was answered stands
    ],
)
def test_answers_are_carried_out_one_by_one(answers: str, asked: list[tuple[str, ...]]) -> None:
    """Until all are answered or the person has enough."""
    desk, _ = answered(waiting("/a", "/b"), answers)

    assert desk.asked == asked


@pytest.mark.parametrize(
    ("answers", "asked"),
    [
        ("1\n", ["Rock", "Rock", "Rock"]),
        ("n\n", ["not Rock", "not Rock", "not Rock"]),
        ("Doom\ny\n", ["Doom", "Doom", "Doom"]),
        ("Doom\n\n2\n", ["Jazz", "Jazz", "Jazz"]),  # a slip of the keys is asked about
        ("o\n1\n2\n\n", ["Rock", "Jazz"]),
        ("o\n1\nq\n", ["Rock"]),
        ("a\n1\n2\n", ["Rock", "Rock", "Jazz"]),
    ],
)
def test_one_key_answers_for_a_group(answers: str, asked: list[str]) -> None:
    """Or opens it, by its albums or file by file."""
    desk, _ = answered(waiting("/a1", "/a2", "/b1", artist="Nina"), answers)

    assert [words[1] for words in desk.asked] == asked


def test_all_that_one_answer_writes_is_one_lot() -> None:
    """And each answer another."""
    desk, _ = answered(waiting("/a1", "/a2", "/b1", artist="Nina"), "a\n1\n2\n")

    first, second, third = desk.lots
    assert first == second != third


def test_answers_on_one_artist_are_one_act() -> None:
    """However many questions there are on him; the files of nobody are another."""
    verdicts = [(("Rock", 0.5),), (("Jazz", 0.5),), (("Folk", 0.5),)]
    found = [
        replace(item, verdict=replace(item.verdict, genres=guessed))  # type: ignore[type-var]
        for guessed in verdicts
        for item in waiting(*(f"/{guessed[0][0]}{n}" for n in range(10)), artist="Nina")
    ]

    desk, told = answered((*found, *waiting("/x")), "1\n" * 4)

    assert told.count("by Nina") == 3
    assert len(set(desk.lots[:30])) == 1
    assert len(set(desk.lots)) == 2


def test_refused_files_are_counted_and_named() -> None:
    """The rest is written all the same."""
    desk = Desk(refuses="/a2")
    _, told = answered(waiting("/a1", "/a2", "/b1", artist="Nina"), "1\n", desk)

    assert len(desk.asked) == 2
    assert "written to 2 files" in told
    assert "refused: 1 file" in told


def test_a_group_is_shown_with_what_it_is_and_what_is_guessed() -> None:
    """One screen: whose, how many, examples, guesses."""
    _, told = answered(waiting("/a1", "/a2", "/b1", "/b2", artist="Nina"), "?\nq\n")

    assert "4 files by Nina, 2 albums" in told
    assert "a1, a2, b1 and 1 more" in told
    assert "1  Rock (50%, first for 4)" in told
    assert "o            open the group" in told


def test_a_letter_that_is_no_key_names_no_genre() -> None:
    """Nor does a number without a guess, nor "not that" without any."""
    for text in ("x", "7", "0", "\x1b[D", "--", "²"):  # an arrow key; nothing to read
        assert meaning(text, ["Rock"], {}).act is Act.UNCLEAR
    assert meaning("n", [], {}).act is Act.UNCLEAR
    assert meaning("R&B", ["Rock"], {}).is_new


# on the record ---------------------------------------------------------------------------


@pytest.fixture
def house() -> Iterator[PaperHouse]:
    root = in_memory()
    made = PaperHouse(root, threshold=1.0)
    made.live()
    yield made
    made.close()
    shutil.rmtree(root)


def unsure_of(house: PaperHouse, count: int, artist: str = "Nina") -> list[Path]:
    paths = [house.music / f"{number:03}.mp3" for number in range(count)]
    for path in paths:
        paper(path, f"{path.name} by {artist}", artist=artist)
    house.settle()
    assert {house.row(path).state for path in paths} == {"not_sure"}
    return paths


def review(house: PaperHouse, answers: str) -> str:
    groups = grouped(unsure(house.db))
    with CliRunner().isolation(input=answers) as (out, _, _):
        with suppress(Enough):
            walk_through(groups, house.desk, house.now, known_genres(house.db, GENRES))
        return out.getvalue().decode()


def undo_last(house: PaperHouse) -> list[Tagged]:
    done = []
    for choice in chosen_acts(lots.last_acts(house.db, 1)):
        if choice.refusal is not None:
            done.append(house.desk.withdraw(choice.refusal, house.now(), dry_run=False))
        else:
            back_to = choice.back_to
            done.append(house.desk.undo(choice.path, house.now(), dry_run=False, back_to=back_to))
    return done


def test_all_files_of_an_artist_are_answered_and_taken_back_at_once(
    house: PaperHouse,
) -> None:
    """At most three answers, one undo, and nothing of it stays said."""
    paths = unsure_of(house, FILES)
    before = [path.read_bytes() for path in paths]

    review(house, "Zydeco\ny\n" + "Zydeco\n" * 2)
    written = [tuple(read_paper(path)["genres"]) for path in paths]
    undone = undo_last(house)

    assert written == [("Zydeco",)] * FILES
    assert len(undone) == FILES
    assert [path.read_bytes() for path in paths] == before
    assert unsaid(house, paths[0]) == (None, [])
    assert len(unsure(house.db)) == FILES  # to be asked about again


@pytest.mark.parametrize(
    ("key", "kinds"), [("1", ["label", "label"]), ("n", ["label", "rejection"])]
)
def test_what_was_named_after_it_was_listed_stays(
    house: PaperHouse, key: str, kinds: list[str]
) -> None:
    """One key answers for the group, not over a genre that a person gave one of its files since."""
    first, second = unsure_of(house, 2)
    groups = grouped(unsure(house.db))
    paper(first, f"{first.name} by Nina", ("Zydeco",), artist="Nina")
    if key == "n":  # nothing is read then, so the daemon must have noticed
        house.time += 100
        house.settle()

    with CliRunner().isolation(input=f"{key}\n"):
        walk_through(groups, house.desk, house.now, {})

    assert read_paper(first)["genres"] == ["Zydeco"]
    assert house.kinds() == kinds
    assert house.kinds(first) == ["label"]
    assert house.row(second).origin == ("person" if key == "1" else "none")


def test_other_music_at_the_path_is_not_what_was_asked_about(house: PaperHouse) -> None:
    """It is heard for itself, and no answer of before makes it one that failed."""
    (path,) = unsure_of(house, 1)
    groups = grouped(unsure(house.db))
    paper(path, "other music")

    with CliRunner().isolation(input="1\n") as (_, err, _):
        walk_through(groups, house.desk, house.now, {})
        assert b"other music lies there by now" in err.getvalue()
    assert (house.row(path).state, read_paper(path)["genres"]) == ("pending", [])
    house.time += 100
    house.settle()

    assert house.row(path).state == "not_sure"
    assert house.row(path).fingerprint == "other music"


def test_one_answer_for_many_files_weighs_as_one_act(house: PaperHouse) -> None:
    """Later words on the artist can speak against it: n count as sqrt(n)."""
    alike = [name for name in map(str, range(200)) if guess(name) == "Rock"][:25]
    for name in (*alike, "new"):
        paper(house.music / f"{name}.mp3", name, artist="Nina" if name != "new" else "")
    house.settle()

    review(house, "Zydeco\ny\n")
    paper(house.music / "new.mp3", "new", title="of hers", artist="Nina")
    house.time += 100
    house.settle()

    row, judge = house.row(house.music / "new.mp3"), house.desk._judge
    hearing = judge.kept_hearing("new")
    assert hearing is not None
    assert judge.evidence(hearing, row).artist.said == {"zydeco": pytest.approx(5)}


def test_best_guesses_are_counted_apart_asked_about_and_taken_back(house: PaperHouse) -> None:
    """What an answer or an edit made of one since is no guess any more."""
    policy = replace(house.config.policy, when_unsure="best guess")
    house.config = replace(house.config, policy=policy)
    house.reborn()
    paths = [house.music / f"{name}.mp3" for name in "abcd"]
    for path in paths:
        paper(path, path.name)
    house.settle()
    a, b, *guessed = paths
    review_of = [item.row.path for item in unsure(house.db)]

    house.desk.tag(str(a), (guess(a.name),), house.now(), dry_run=False, via="review")
    paper(b, b.name, ("Zydeco",))
    house.time += 100
    house.settle()
    standing = writes.guesses_standing(house.db)
    done = [
        house.desk.undo(choice.path, house.now(), dry_run=False, back_to=choice.back_to)
        for choice in chosen(standing)
    ]

    assert sorted(review_of) == list(map(str, paths))
    assert [writes.writes_at(house.db, str(path))[0].cause for path in paths] == ["guess"] * 4
    assert {row.path for row in standing} == {str(path) for path in guessed}
    assert not any(item.failed for item in done)
    assert {item.row.path for item in unsure(house.db)} == {str(path) for path in guessed}
    assert [read_paper(path)["genres"] for path in paths] == [[guess(a.name)], ["Zydeco"], [], []]
    assert house.kinds() == ["confirmation", "correction"]


def test_within_a_sitting_an_album_is_judged_as_one(house: PaperHouse) -> None:
    """After each answer as when it was dropped, whatever one of its tracks sounds like alone."""
    names = {
        genre: [n for n in map(str, range(99)) if guess(n + FAINT) == genre] for genre in GENRES
    }
    audio = [names["Rock"][0], names["Jazz"][0], names["Rock"][1]]
    for name in audio:
        paper(house.music / f"{name}.mp3", name + FAINT, artist="Ann", album="One")
    for number in range(6):
        paper(house.music / f"o{number}.mp3", f"o{number}{FAINT}", artist="Bob")
    house.settle()

    review(house, "o\nZydeco\n" + "s\n" * 6)

    found = [hearings.verdict_of(house.db, name + FAINT) for name in audio]
    assert "Zydeco" in {word.new[0] for word in feedback_log.all_feedback(house.db)}
    assert len({verdict.genres for verdict in found if verdict is not None}) == 1


def test_not_this_is_taken_back_like_a_write(house: PaperHouse) -> None:
    """It counts no more, for its file or any other, and is no answer to begin with."""
    alike = [name for name in map(str, range(99)) if guess(name) == "Rock"][:3]
    paths = [house.music / f"{name}.mp3" for name in alike]
    for path in paths:
        paper(path, path.stem, artist="Nina")
    house.settle()
    first = "Rock"
    before = hearings.verdict_of(house.db, house.row(paths[0]).fingerprint)

    review(house, "n\n")
    refused = [item.verdict for item in unsure(house.db) if item.verdict is not None]
    done = undo_last(house)
    with CliRunner().isolation():
        renew_at(house.desk, unsure(house.db), house.now)

    after = hearings.verdict_of(house.db, house.row(paths[0]).fingerprint)
    assert first not in {genre for genre, _ in refused[0].genres}
    assert [item.reason for item in done] == [f"taken back: not {first}"] * 3
    assert before is not None and after is not None
    assert after.genres[0][0] == before.genres[0][0] == first
    assert unsaid(house, paths[1]) == (None, [])
    assert house.kinds() == []
    assert undo_last(house) == []


def test_the_command_takes_not_this_back_in_one_sentence(house: PaperHouse) -> None:
    """Of a file by its name, or as the last act; the file stays as it is, and waits."""
    (path,) = unsure_of(house, 1)
    (first,) = (guess(f"{path.name} by Nina"),)
    review(house, "n\n")
    undo = ["--state-dir", str(house.root), "undo"]

    told = [
        CliRunner().invoke(cli, [*undo, *more])
        for more in (["--dry-run"], [str(path)], [str(path)])
    ]

    assert told[0].output == f"{path}: would be taken back: not {first}\n"
    assert told[1].output == f"{path}: taken back: not {first}\n"
    assert [done.exit_code for done in told] == [0, 0, 1]
    assert house.row(path).state == "not_sure"
    verdict = hearings.verdict_of(house.db, house.row(path).fingerprint)
    assert verdict is not None and verdict.genres[0][0] == first
    assert any(
        "taken back (by undo): not" in CliRunner().invoke(cli, [*undo[:2], *shown]).output
        for shown in (["history", str(path)], ["feedback"])
    )


def test_an_artist_s_answers_are_taken_back_with_what_was_refused(house: PaperHouse) -> None:
    """A sitting's "not this" and its genre on one artist are one act, in either order."""
    paths = unsure_of(house, FILES)

    review(house, "n\n" + "Zydeco\ny\n" + "Zydeco\n")
    written = [path for path in paths if read_paper(path)["genres"] == ["Zydeco"]]
    said = house.kinds().count("rejection")
    done = undo_last(house)

    assert said > 0
    assert len(written) + said == len(done) == FILES
    assert not any(item.failed for item in done)
    assert [read_paper(path)["genres"] for path in paths] == [[]] * FILES
    assert unsaid(house, paths[0]) == (None, [])


def unsaid(house: PaperHouse, path: Path) -> tuple[str | None, list[str]]:
    """What the memory takes from a track: the word on it, and what is said of its artist."""
    row = house.row(path)
    said = house.desk._judge.evidence(house.desk._judge.kept_hearing(row.fingerprint), row)  # type: ignore[arg-type]
    return said.track, [*said.artist.said, *said.artist.refused]
