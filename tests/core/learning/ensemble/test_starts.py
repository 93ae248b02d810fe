"""What a training starts from, and how it goes on where it was killed."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.learning.ensemble import starts
from core.learning.ensemble.course import ALL, Course
from core.learning.ensemble.export import Trained
from core.learning.ensemble.fitting import Recipe, Studio, no_check, regress
from core.learning.ensemble.rows import targets
from core.learning.ensemble.starts import Before, load_starts
from core.learning.tracks.dataset import Track, stacked
from core.learning.train import feature_groups, train

LINEAR = Recipe(members=0, folds=3)  # whatever is trained is trained in no time
GENRES = ("Jazz", "Metal", "Rock")


def names(tracks: tuple[Track, ...]) -> frozenset[str]:
    return frozenset(track.fingerprint for track in tracks)


def linear(tracks: tuple[Track, ...], lessons: frozenset[str] | None = None) -> Before:
    """Return linear members trained on *tracks*."""
    made = Studio(GENRES, feature_groups(), LINEAR).train(tracks)
    return Before(genres=GENRES, ensemble=made, lessons=lessons or names(tracks))


def test_members_come_back_as_they_were(rich_trained: Trained, tmp_path: Path) -> None:
    """All kinds that are trained by default say the same after a way through a file."""
    before = Before(
        genres=rich_trained.genres,
        ensemble=rich_trained.ensemble,
        lessons=names(rich_trained.tracks),
    )
    starts.save_arrays(tmp_path / "s" / "one.npz", starts.starts({ALL: before, 2: before}))
    found = load_starts(tmp_path / "s" / "one.npz", feature_groups())
    exact = starts.from_arrays(starts.as_arrays(before), feature_groups())

    heard = stacked(rich_trained.tracks[:9])
    wanted = rich_trained.ensemble.scores(*heard)
    assert sorted(found) == [ALL, 2]
    assert found[2].lessons == before.lessons
    assert found[ALL].genres == rich_trained.genres
    assert np.allclose(found[2].ensemble.scores(*heard), wanted, atol=0.05)  # shortened
    assert np.array_equal(exact.ensemble.scores(*heard), wanted)
    assert (tmp_path / "s" / "one.npz").stat().st_mode & 0o777 == 0o600


def test_a_file_that_is_none_is_no_start(tmp_path: Path) -> None:
    """Absent, cut short or of something else: the night starts from nothing."""
    (tmp_path / "cut.npz").write_bytes(b"PK\x03\x04 and no more")
    np.savez(tmp_path / "other.npz", folds=np.array([1]))

    found = [load_starts(tmp_path / name, feature_groups()) for name in ("no", "cut.npz")]
    assert [*found, load_starts(tmp_path / "other.npz", feature_groups())] == [{}, {}, {}]


def test_it_teaches_what_it_was_taught(some_tracks: tuple[Track, ...]) -> None:
    """Not what a person named, nor what it has not met, nor a genre that it does not know."""
    own = replace(some_tracks[0], labelled=True)
    other = replace(some_tracks[1], genre="Folk")
    tracks = (own, other, *some_tracks[2:6])
    before = linear(some_tracks, names(some_tracks[:5]))

    taught = before.teach(tracks, ("Folk", *GENRES))

    assert [track.taught is not None for track in taught] == [False, False, True, True, True, False]
    said = taught[2].taught
    assert said is not None
    assert said[0] == 0
    assert said.sum() == pytest.approx(1)
    goal = targets(taught[1:3], np.array([0, 1]), 4, 0.5)
    assert np.allclose(goal, [[1, 0, 0, 0], 0.5 * np.eye(4)[1] + 0.5 * said])


def test_nobody_starts_from_what_saw_the_held_out(some_tracks: tuple[Track, ...]) -> None:
    """One that was trained on a track that is held out now is not listened to."""
    poisoned = linear(tuple(replace(t, genre="Rock") for t in some_tracks), names(some_tracks))
    studio = Studio(GENRES, feature_groups(), LINEAR)

    kept = Course({1: poisoned}).ensemble(1, some_tracks[8:], studio, no_check, no_check)
    used = Course({1: poisoned}).ensemble(1, some_tracks, studio, no_check, no_check)

    cold = studio.train(some_tracks[8:])
    heard = stacked(some_tracks)
    assert np.array_equal(kept.scores(*heard), cold.scores(*heard))
    assert not np.allclose(used.scores(*heard), studio.train(some_tracks).scores(*heard), atol=0.1)


def test_where_a_search_begins_changes_nothing() -> None:
    """A regression has one optimum."""
    rng = np.random.default_rng(3)
    rows = rng.normal(size=(60, 5)).astype(np.float32)
    labels = np.eye(3, dtype=np.float32)[rng.integers(0, 3, 60)]

    cold, _ = regress(rows, labels, np.ones(60), 0.1)
    warm, _ = regress(rows, labels, np.ones(60), 0.1, start=(np.full((5, 3), 2.0), np.ones(3)))

    assert np.allclose(cold, warm, atol=1e-3)


def test_a_network_starts_from_the_one_before(
    some_tracks: tuple[Track, ...], rich_trained: Trained
) -> None:
    """Half of its weights, where the genres are the same; else it starts as any does."""
    studio = Studio(GENRES, feature_groups(), Recipe(epochs=1, members=1))
    made = studio._made("transformer")
    plain = np.zeros((135, 3)), np.zeros(3)
    made.restart(0, plain)
    fresh = made.weights()
    before = [np.ones_like(each) for each in fresh]

    made.restart(0, plain, before)

    assert all(
        np.allclose(new, 0.5 + 0.5 * old, atol=1e-5)
        for new, old in zip(made.weights(), fresh, strict=True)
    )
    other = Before(genres=("Jazz", "Rock"), ensemble=rich_trained.ensemble, lessons=frozenset())
    assert studio._net_before(other, 0) is None
    assert studio._net_before(replace(other, genres=GENRES), 0) is not None


class Killed(BaseException):
    """The process is gone."""


def test_a_killed_training_goes_on_where_it_was(
    some_tracks: tuple[Track, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is finished is not trained again, the end is the same, and then nothing is left."""
    trained: list[int] = []
    own = Studio.train

    def counted(self: Studio, tracks: tuple[Track, ...], *rest: object, **more: object) -> object:
        if len(trained) == 2:
            raise Killed
        trained.append(len(tracks))
        return own(self, tracks, *rest, **more)  # type: ignore[arg-type]

    silent = lambda *_: None  # noqa: E731
    whole = train(some_tracks, LINEAR, silent, no_check)
    with monkeypatch.context() as patch:
        patch.setattr(Studio, "train", counted)
        with pytest.raises(Killed):
            train(some_tracks, LINEAR, silent, no_check, course=Course(finished=tmp_path))
    left = sorted(path.name for path in tmp_path.iterdir())
    with monkeypatch.context() as patch:
        trained.clear()
        patch.setattr(Studio, "train", counted)
        course = Course(finished=tmp_path)
        again = train(some_tracks, LINEAR, silent, no_check, course=course)

    assert len(left) == 2
    assert len(trained) == 2  # of four: two were finished
    assert np.array_equal(again.out_of_fold, whole.out_of_fold)
    course.forget()
    assert list(tmp_path.iterdir()) == []


def test_a_disk_without_room_costs_only_the_way_back(
    some_tracks: tuple[Track, ...], tmp_path: Path
) -> None:
    """What cannot be kept is trained again should it be killed; what is of no use, too."""
    studio = Studio(GENRES, feature_groups(), LINEAR)
    (tmp_path / "file").write_text("")

    made = Course(finished=tmp_path / "file" / "below").ensemble(
        0, some_tracks, studio, no_check, no_check
    )
    course = Course(finished=tmp_path / "kept")
    course.ensemble(0, some_tracks, studio, no_check, no_check)
    (kept,) = (tmp_path / "kept").iterdir()
    np.savez(kept, other=np.zeros(1))
    again = course.ensemble(0, some_tracks, studio, no_check, no_check)

    heard = stacked(some_tracks)
    assert np.array_equal(made.scores(*heard), again.scores(*heard))


def test_other_tracks_are_another_training(some_tracks: tuple[Track, ...], tmp_path: Path) -> None:
    """A changed word makes every ensemble anew; what is finished stays bounded."""
    studio = Studio(GENRES, feature_groups(), LINEAR)
    for number in range(15):
        tracks = (replace(some_tracks[0], weight=1.0 + number), *some_tracks[1:])
        Course(finished=tmp_path).ensemble(0, tracks, studio, no_check, no_check)

    assert len(list(tmp_path.iterdir())) == 12


def test_the_next_training_may_start_from_this_one(some_tracks: tuple[Track, ...]) -> None:
    """Where it lends itself: of each fold and of all tracks, with the lessons of each."""
    course = Course(lends=True)
    made = train(some_tracks, LINEAR, lambda *_: None, no_check, course=course)

    assert sorted(made.starts) == [ALL, 0, 1, 2]
    assert made.starts[ALL].lessons == names(some_tracks)
    for fold in range(3):
        held = {t.fingerprint for t, f in zip(some_tracks, made.folds, strict=True) if f == fold}
        assert made.starts[fold].lessons == names(some_tracks) - held
    assert train(some_tracks, LINEAR, lambda *_: None, no_check).starts == {}
