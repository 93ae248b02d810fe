"""A bounded, even sample of what there is to learn from."""

from dataclasses import replace

from core.learning.tracks.dataset import Track
from core.learning.tracks.sampling import carried_mb, sampled


def test_what_fits_is_kept_whole(some_tracks: tuple[Track, ...]) -> None:
    """In its order."""
    assert sampled(some_tracks) == some_tracks


def test_genres_and_artists_get_equal_room(some_tracks: tuple[Track, ...]) -> None:
    """Of a large genre less is left; every artist keeps a track before one keeps two."""
    jazz = tuple(
        replace(track, fingerprint=f"{number}{track.fingerprint[1:]}")
        for number in range(4)
        for track in some_tracks
        if track.genre == "Jazz"
    )
    tracks = (*some_tracks, *jazz)

    kept = sampled(tracks, carried_mb(some_tracks))

    count = {genre: sum(t.genre == genre for t in kept) for genre in ("Jazz", "Metal", "Rock")}
    assert carried_mb(kept) <= carried_mb(some_tracks)
    assert max(count.values()) - min(count.values()) <= 2
    assert {t.group for t in kept} == {t.group for t in tracks}
    assert [t for t in tracks if t in kept] == list(kept)
    assert sampled(tracks, carried_mb(some_tracks)) == kept


def test_words_come_before_the_collection(some_tracks: tuple[Track, ...]) -> None:
    """Of two artists that have none in the sample yet, the one that the user named comes first."""
    named = tuple(replace(t, labelled=t.group.endswith("artist 7")) for t in some_tracks)

    kept = sampled(named, carried_mb(some_tracks) / 20)

    assert 3 <= len(kept) < 10
    assert {t.genre for t in kept if t.labelled} == {t.genre for t in kept}
