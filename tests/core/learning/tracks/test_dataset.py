"""Where training material comes from, and that artists stay on one side."""

import csv
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.errors import TrainingError
from core.learning.tracks import dataset
from core.learning.tracks.dataset import Track, apart, find_samples, split_groups

Artists = Callable[..., tuple[Track, ...]]


def folder(root: Path, *names: str) -> Path:
    """Make empty files *names* below *root*."""
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    return root


@pytest.mark.parametrize("folds", [2, 5, 6])
def test_no_group_is_in_two_folds(some_tracks: tuple[Track, ...], folds: int) -> None:
    """The one rule on which every figure rests."""
    fold = split_groups(some_tracks, folds=folds, seed=3)

    of_group: dict[str, set[int]] = {}
    for track, number in zip(some_tracks, fold, strict=True):
        of_group.setdefault(track.group, set()).add(int(number))
    assert all(len(numbers) == 1 for numbers in of_group.values())
    assert set(fold) == set(range(folds))


def test_folds_spread_each_genre(some_tracks: tuple[Track, ...]) -> None:
    """With eight equal artists and four folds, each fold gets two of every genre."""
    fold = split_groups(some_tracks, folds=4, seed=1)

    for genre in dataset.genres_of(some_tracks):
        mine = [int(f) for t, f in zip(some_tracks, fold, strict=True) if t.genre == genre]
        assert np.bincount(mine).tolist() == [8, 8, 8, 8]


def test_folds_follow_the_seed(some_tracks: tuple[Track, ...]) -> None:
    """Same seed, same folds; another seed, others."""
    first = split_groups(some_tracks, folds=4, seed=1)

    assert np.array_equal(first, split_groups(some_tracks, folds=4, seed=1))
    assert not np.array_equal(first, split_groups(some_tracks, folds=4, seed=2))


def test_groups_stay_in_the_folds_they_had(some_tracks: tuple[Track, ...]) -> None:
    """A new night holds out together what the one before did; newcomers are dealt."""
    before = split_groups(some_tracks, folds=4, seed=1)
    known = [
        replace(track, fold=int(fold) if i < 60 else -1)
        for i, (track, fold) in enumerate(zip(some_tracks, before, strict=True))
    ]

    after = split_groups(known, folds=4, seed=9, keep=True)

    assert np.array_equal(after[:60], before[:60])
    assert (after >= 0).all()
    for group in {track.group for track in known}:
        mine = {int(f) for t, f in zip(known, after, strict=True) if t.group == group}
        assert len(mine) == 1


def test_a_group_on_both_sides_is_refused(some_tracks: tuple[Track, ...]) -> None:
    """Holding out every second track would split artists."""
    with pytest.raises(TrainingError, match="both sides"):
        apart(some_tracks, np.arange(len(some_tracks)) % 2 == 0)


def test_one_genre_is_too_few(artists: Artists) -> None:
    """There is nothing to tell apart."""
    with pytest.raises(TrainingError, match="1 genre is too few"):
        dataset.require_enough(artists(genres=("Jazz",)))


def test_a_genre_of_one_artist_is_named(artists: Artists) -> None:
    """Nothing could be held out of it, and the error says of which."""
    tracks = [t for t in artists() if t.genre != "Rock" or t.group == "Rock artist 0"]

    with pytest.raises(TrainingError, match="only one artist in Rock"):
        dataset.require_enough(tracks)


def test_genre_is_the_subdirectory(tmp_path: Path) -> None:
    """Files lie below their genre, at any depth; dot files are nobody's."""
    root = folder(tmp_path, "Jazz/a.mp3", "Jazz/album/b.mp3", "Rock/c.mp3", "Rock/.d", ".x/e.mp3")
    table = root / "groups.csv"
    table.write_text("file,artist\nJazz/a.mp3,Ann\nb.mp3,Ann\n")

    samples, note = find_samples(root, table)

    assert [(s.genre, Path(s.path).name, s.group) for s in samples][:2] == [
        ("Jazz", "a.mp3", "artist:ann"),
        ("Jazz", "b.mp3", "artist:ann"),
    ]
    assert samples[2].group == f"file:{root}/Rock/c.mp3"
    assert note.startswith("artists of 2 of 3 files from groups.csv; every other file")


def test_an_artist_is_one_group_however_spelled(tmp_path: Path) -> None:
    """Else two spellings would stand on both sides of a split."""
    spelled = ("Earth, Wind & Fire", "earth wind and fire", "The Earth Wind & Fire feat. Ann")
    root = folder(tmp_path, "Disco/0.mp3", "Disco/1.mp3", "Disco/2.mp3", "Disco/3.mp3")
    table = root / "groups.csv"
    with table.open("w", newline="") as stream:
        rows = enumerate((*spelled, "Various Artists"))
        csv.writer(stream).writerows([("file", "artist"), *((f"{n}.mp3", who) for n, who in rows)])

    samples, _ = find_samples(root, table)

    assert len({sample.group for sample in samples[:3]}) == 1
    assert samples[3].group == "artist:various artists"


def test_a_name_that_occurs_twice_names_nobody(tmp_path: Path) -> None:
    """A bare name in the CSV counts only where it is clear which file is meant."""
    root = folder(tmp_path, "Jazz/a.mp3", "Rock/a.mp3")
    table = root / "groups.csv"
    table.write_text("file,artist\na.mp3,Ann\n")

    samples, _ = find_samples(root, table)

    assert all(sample.group.startswith("file:") for sample in samples)


def test_an_empty_folder_says_what_to_do(tmp_path: Path) -> None:
    """The remedy tells how samples are laid out."""
    with pytest.raises(TrainingError) as error:
        find_samples(tmp_path)

    assert error.value.remedy is not None
    assert "one subdirectory for each genre" in error.value.remedy


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    """Not a traceback."""
    with pytest.raises(TrainingError, match="cannot be read"):
        find_samples(tmp_path / "none")


@pytest.mark.parametrize("text", ["name,who\na,b\n", "", "\x00\xff"])
def test_a_table_without_the_columns_is_refused(tmp_path: Path, text: str) -> None:
    """The columns are file and artist."""
    root = folder(tmp_path / "samples", "Jazz/a.mp3")
    table = tmp_path / "groups.csv"
    table.write_bytes(text.encode("latin-1"))

    with pytest.raises(TrainingError, match="artists"):
        find_samples(root, table)


def test_groups_become_numbers(some_tracks: tuple[Track, ...]) -> None:
    """All that a model keeps of an artist is a number."""
    numbers = dataset.group_numbers(some_tracks)

    assert numbers.dtype == np.int32
    assert len(set(numbers.tolist())) == len({t.group for t in some_tracks})


def test_csv_of_many_rows_is_read_with_a_byte_order_mark(tmp_path: Path) -> None:
    """Spreadsheets write one."""
    root = folder(tmp_path / "samples", "Jazz/a.mp3")
    table = tmp_path / "groups.csv"
    with table.open("w", newline="", encoding="utf-8-sig") as stream:
        csv.writer(stream).writerows([("file", "artist"), ("Jazz/a.mp3", "Ann")])

    assert find_samples(root, table)[0][0].group == "artist:ann"


def test_a_word_weighs_by_who_asked_and_how_many_there_are() -> None:
    """Of one's own accord 2, in answer 1; n of an artist like the root of n; doubtful ones .3."""
    row = np.zeros((1, 135), np.float32)

    def word(name: str, artist: str, *, own: bool = False) -> dataset.Track:
        return dataset.Track(
            fingerprint=name, genre="Rock", group=artist, features=row, unprompted=own
        )

    said = [word("a", "one", own=True), word("b", "two"), word("c", "three")]
    many = [word(f"d{i}", "four") for i in range(4)]

    weights = {t.fingerprint: t.weight for t in dataset.weighed([*said, *many], {"c"})}

    assert [weights[name] for name in "abc"] == [2.0, 1.0, 0.3]
    assert sum(weights[track.fingerprint] for track in many) == 2.0
