"""Augmented copies: other masterings of the same music, the same each time."""

import numpy as np
import pytest
from numpy.typing import NDArray

from core.analysis.decode import Recording, Scan
from core.analysis.features import extract
from core.analysis.segments import HOP, RATE, plan_segments
from core.learning.tracks.augment import (
    EFFECTS,
    FLOOR,
    GENRES,
    PLAIN,
    chosen,
    copies_of,
    disturb,
    favoured,
    random_for,
    setting,
    warped,
)
from core.taxonomy import fold


def a_recording(seconds: float = 14.0) -> Recording:
    """Three tones and a beat, decoded as a file would be."""
    time = np.arange(int(seconds * RATE)) / RATE
    tones = sum(np.sin(2 * np.pi * pitch * time) for pitch in (220, 277.2, 329.6))
    sound = np.asarray(0.1 * tones * (1 + np.sin(4 * np.pi * time)), dtype=np.float32)
    plan = plan_segments(seconds)
    pieces = tuple(sound[window.start : window.stop] for window in plan.windows)
    return Recording(scan=Scan(fingerprint="a", duration_s=seconds), plan=plan, pieces=pieces)


def drawn(genre: str, *, advanced: bool = True, times: int = 1000) -> list[str]:
    """The names of all effects of many copies."""
    return [
        effect.name
        for number in range(times)
        for effect, _ in chosen(random_for("c", 1, number), genre, advanced=advanced)
    ]


def test_a_copy_follows_from_fingerprint_seed_number_and_genre() -> None:
    """Built twice, a model is the same; another number is another copy."""
    sound = a_recording()
    first, again, other = (
        disturb(sound, "Jazz", random_for("a", 1, number), advanced=True).pieces[0]
        for number in (0, 0, 1)
    )

    assert np.array_equal(first, again)
    assert first.shape != other.shape or not np.array_equal(first, other)


def test_all_pieces_of_a_track_hear_the_same_knobs() -> None:
    """A track is mastered once: two equal pieces stay equal."""
    once = a_recording(4.0)
    plan = plan_segments(4.0)
    twice = Recording(
        scan=once.scan,
        plan=type(plan)(
            segments=plan.segments * 2, contexts=plan.contexts * 2, windows=plan.windows * 2
        ),
        pieces=once.pieces * 2,
    )
    one, two = disturb(twice, "Jazz", random_for("b", 1, 0), advanced=True).pieces

    assert np.array_equal(one, two)


@pytest.mark.parametrize("genre", ["Metal", "Classical", "Hip-Hop", "Fado"])
def test_every_effect_comes_to_every_genre(genre: str) -> None:
    """At least one time in ten, so that no effect tells the genre."""
    names = drawn(genre)

    assert all(names.count(effect.name) >= 1000 * FLOOR * 0.75 for effect in EFFECTS)


def test_no_chance_lies_below_the_floor_or_doubles() -> None:
    """The table itself: known effects, folded genres, chances from the floor to twice the usual."""
    names = {effect.name for effect in EFFECTS}
    for genre, own in GENRES.items():
        assert fold(genre) == genre
        assert set(own) <= names
        for effect in EFFECTS:
            how = setting(effect, genre)
            assert FLOOR <= how.chance <= min(1.0, 2 * effect.usual.chance)
            assert 0 < how.strength <= 1.5


def test_genres_differ_as_the_table_says() -> None:
    """Metal is driven more often than jazz; jazz stands in rooms; spelling does not matter."""
    metal, jazz = drawn("METAL"), drawn("jazz")

    assert metal.count("drive") > 1.3 * jazz.count("drive")
    assert jazz.count("room") > 1.3 * metal.count("room")
    assert drawn("Hip-Hop") == drawn("hip hop")
    assert "metal" in favoured("drive")
    assert "jazz" not in favoured("drive")
    assert all(favoured(effect.name) for effect in EFFECTS if effect.name != "equaliser")


def test_plain_effects_know_no_genre() -> None:
    """What --no-advanced-aug leaves: equaliser, noise, loudness, alike for all."""
    assert set(drawn("Metal", advanced=False)) == set(PLAIN)
    assert drawn("Metal", advanced=False) == drawn("Jazz", advanced=False)


@pytest.mark.parametrize(
    ("files", "most", "factor", "copies"),
    [
        (60, 60, 1, 1),  # the commonest genre: as many as asked for
        (30, 60, 1, 2),  # the formula of the seed: min(5, ceil(most / files))
        (7, 60, 1, 5),
        (50, 60, 1, 2),
        (50, 60, 5, 6),  # and finer where more are asked for
        (7, 60, 5, 25),
        (7, 60, 0, 0),
    ],
)
def test_rare_genres_get_more_copies(files: int, most: int, factor: int, copies: int) -> None:
    """So that each genre has about as many in all, never more than five times the factor."""
    assert copies_of(files, most, factor) == copies


@pytest.mark.parametrize("factor", [0.85, 1.0, 1.2])
def test_stretched_music_keeps_its_segments(factor: float) -> None:
    """Longer or shorter, each segment lies in its window, on the grid, where its music is."""
    heard = a_recording()
    pieces = tuple(
        np.interp(np.arange(0, len(p) - 1, factor), np.arange(len(p)), p).astype(np.float32)
        for p in heard.pieces
    )
    found = warped(heard, pieces)

    assert len(found.plan.segments) == len(heard.plan.segments)
    for segment, before in zip(found.plan.segments, heard.plan.segments, strict=True):
        window = found.plan.windows[0]
        assert window.start <= segment.start < segment.stop <= window.stop
        assert (segment.start - window.start) % HOP == 0
        middle = (segment.start + segment.stop) / 2
        assert abs(middle * factor - (before.start + before.stop) / 2) < RATE
    assert extract(found)[0].shape == (len(heard.plan.segments), 135)


def test_a_copy_that_is_not_disturbed_has_the_same_features() -> None:
    """Pieces put back as they were change no number."""
    heard = a_recording()

    assert np.array_equal(extract(warped(heard, heard.pieces))[0], extract(heard)[0])


def test_a_piece_that_could_not_be_decoded_is_left_out() -> None:
    """Its segments go with it."""
    heard = a_recording()
    nothing: tuple[NDArray[np.float32], ...] = (np.zeros(0, np.float32),)
    gone = Recording(scan=heard.scan, plan=heard.plan, pieces=nothing)

    copy = disturb(gone, "Jazz", random_for("a", 1, 0), advanced=True)

    assert copy.plan.segments == ()
    assert len(extract(copy)[0]) == 0
