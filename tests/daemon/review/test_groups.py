"""Which files one key answers for."""

from collections.abc import Sequence

from core.library.hearings import VerdictRow
from daemon.review.groups import By, Group, by_album, grouped, one_by_one
from daemon.telling.status import Judged
from tests.factories import file_row


def unsure(path: str, *guesses: tuple[str, float], **tags: object) -> Judged:
    verdict = VerdictRow(
        fingerprint=path, model_version="m", genres=guesses, evidence="model", segments=1
    )
    row = file_row(path, state="not_sure", fingerprint=path, **tags)
    return Judged(row=row, verdict=verdict)


def many(count: int, artist: str, genre: str, *, first: int = 0, albums: int = 10) -> list[Judged]:
    return [
        unsure(
            f"/{artist}/{number}",
            (genre, 0.5),
            ("Pop", 0.1),
            artist=artist,
            album=f"Album {number % albums}",
        )
        for number in range(first, first + count)
    ]


def sizes(groups: Sequence[Group]) -> list[tuple[str, str, int]]:
    return [(group.by.value, group.name, len(group.files)) for group in groups]


def test_three_hundred_files_of_an_artist_take_at_most_three_answers() -> None:
    """However many albums they are on and whatever is guessed for them."""
    files = [
        item
        for first, genre in enumerate(("Rock", "Jazz", "Folk", "Dub", "Soul", "Funk"))
        for item in many(50, "Nina", genre, first=50 * first)
    ]
    files += many(300, "Lee", "Reggae")

    groups = grouped(files)

    assert sum(len(group.files) for group in groups) == 600
    assert len([group for group in groups if group.name == "Nina"]) <= 3
    assert len([group for group in groups if group.name == "Lee"]) == 1


def test_an_artist_of_two_genres_is_asked_about_twice() -> None:
    """A guess for a few of the files goes with the most."""
    files = many(60, "Nina", "Jazz") + many(30, "Nina", "Soul", first=60)
    files += many(3, "Nina", "Folk", first=90)

    assert sizes(grouped(files)) == [("artist", "Nina", 63), ("artist", "Nina", 30)]


def test_few_files_of_an_artist_are_one_question() -> None:
    """Four answers for four files would be no help."""
    files = [unsure(f"/{g}", (g, 0.4), artist="Nina") for g in ("Jazz", "Soul", "Folk", "Rock")]

    assert sizes(grouped(files)) == [("artist", "Nina", 4)]


def test_spellings_of_an_artist_are_one_group_by_the_commonest() -> None:
    """As the memory takes them."""
    files = [
        unsure(f"/{number}", ("Rock", 0.4), artist=name)
        for number, name in enumerate(("The Beatles", "Beatles, The", "The Beatles"))
    ]

    assert sizes(grouped(files)) == [("artist", "The Beatles", 3)]


def test_an_album_of_several_artists_stays_together() -> None:
    """Its album artist says whose it is."""
    files = [
        unsure(f"/{n}", ("Rock", 0.4), artist=name, album_artist="Miles", album="Live")
        for n, name in enumerate(("Miles", "Bill", "Herbie"))
    ]

    [group] = grouped(files)

    assert (group.by, group.name) == (By.ALBUM, "Live")


def test_who_has_no_artist_goes_by_the_guess() -> None:
    """A compilation's tracks too, but for what one person composed."""
    files = [unsure(f"/n{number}", ("Rock", 0.4)) for number in range(3)]
    files += [
        unsure(f"/c{n}", ("Rock", 0.4), artist=str(n), compilation=True, composer="J. S. Bach")
        for n in range(2)
    ]

    assert sizes(grouped(files)) == [("guess", "Rock", 3), ("composer", "J. S. Bach", 2)]


def test_the_group_that_teaches_most_comes_first() -> None:
    """Many files, and those we are least sure of."""
    files = many(10, "Sure", "Rock") + [
        unsure(f"/unsure/{n}", ("Rock", 0.05), artist="Unsure") for n in range(9)
    ]
    files += [unsure("/alone", ("Rock", 0.01), artist="Alone")]

    assert [group.name for group in grouped(files)] == ["Unsure", "Sure", "alone"]


def test_a_group_offers_the_three_genres_that_are_likeliest_for_all_of_it() -> None:
    """By the mean over its files, and for how many each comes first."""
    files = [
        unsure("/a", ("Rock", 0.5), ("Jazz", 0.4), artist="N"),
        unsure("/b", ("rock", 0.5), ("Folk", 0.3), artist="N"),
        unsure("/c", ("Jazz", 0.9), ("Dub", 0.05), artist="N"),
    ]

    [group] = grouped(files)

    assert [(g.genre, round(g.confidence, 2), g.first) for g in group.guesses] == [
        ("Jazz", 0.43, 1),
        ("Rock", 0.33, 2),
        ("Folk", 0.1, 0),
    ]


def test_what_the_first_guess_belongs_to_is_offered_beside_it() -> None:
    """As sure as any of its kin is; not where it is a guess itself, or has no parent."""
    files = [
        unsure("/a", ("Dub", 0.4), ("Ska", 0.3), ("Rock", 0.2), artist="Lee"),
        unsure("/b", ("Dub", 0.5), ("Reggae", 0.01), artist="Lee"),
    ]
    [group] = grouped(files)
    parents = {"dub": "Reggae", "ska": "Reggae"}

    above = group.above(parents)

    assert above is not None
    assert (above.genre, round(above.confidence, 3)) == ("Reggae", 0.605)
    assert group.above({}) is None
    assert group.above({"dub": "Ska"}) is None


def test_a_group_can_be_opened() -> None:
    """By albums, or file by file."""
    [group] = grouped([*many(8, "Nina", "Jazz", albums=2), unsure("/x", artist="Nina")])

    assert [(part.by, len(part.files)) for part in by_album(group)] == [
        (By.ALBUM, 4),
        (By.ALBUM, 4),
        (By.FILE, 1),
    ]
    assert len(one_by_one(group.files)) == 9


def test_a_file_in_which_nothing_was_heard_is_asked_about_too() -> None:
    """It has no guess to offer."""
    [group] = grouped([unsure("/a"), unsure("/b")])

    assert (group.by, group.name, group.guesses, group.worth) == (By.GUESS, "", (), 2)
