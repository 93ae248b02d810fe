"""What a night learns from where there is more than it can carry: a bounded, even sample.

A model folder carries its training tracks as float16; past the bound, genres get equal room and
within a genre each artist's first tracks come before anybody's second. No chance is involved, so
the folds and the finished fits of a night before stay what they were. Never makes up a track.
"""

from collections import defaultdict
from collections.abc import Sequence

from core.learning.tracks.dataset import Track

__all__ = ["MOST_MB", "carried_mb", "sampled"]

MOST_MB = 50.0  # of a model's replay
HALF = 2  # bytes of a float16
EXTRAS = 100  # bytes of a track beside its numbers


def carried_mb(tracks: Sequence[Track]) -> float:
    """Return how many MB a model folder needs to carry *tracks*."""
    return sum(_bytes(track) for track in tracks) / 1e6


def sampled(tracks: Sequence[Track], most_mb: float = MOST_MB) -> tuple[Track, ...]:
    """Return as many of *tracks* as fit into *most_mb*, in their order; all where all fit.

    What this user said of a genre comes before what the collection says of it.
    """
    if carried_mb(tracks) <= most_mb:
        return tuple(tracks)
    waiting = {genre: _in_turn(tracks, genre) for genre in sorted({t.genre for t in tracks})}
    kept: set[int] = set()
    room = most_mb * 1e6
    while waiting:
        for genre, places in list(waiting.items()):
            if not places:
                del waiting[genre]
                continue
            place = places.pop()
            room -= _bytes(tracks[place])
            if room < 0:
                return tuple(track for i, track in enumerate(tracks) if i in kept)
            kept.add(place)
    return tuple(track for i, track in enumerate(tracks) if i in kept)


def _in_turn(tracks: Sequence[Track], genre: str) -> list[int]:
    """Places of the tracks of *genre*, the last to be taken first."""
    seen: dict[str, int] = defaultdict(int)
    ranked = []
    for place, track in enumerate(tracks):
        if track.genre == genre:
            ranked.append((seen[track.group], not track.labelled, track.fingerprint, place))
            seen[track.group] += 1
    return [place for *_, place in sorted(ranked, reverse=True)]


def _bytes(track: Track) -> int:
    embedding = 0 if track.embedding is None else len(track.embedding)
    return HALF * (track.features.size + embedding) + EXTRAS
