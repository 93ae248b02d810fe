"""How well anybody could tell an artist's two genres apart where a line parts them by sound.

The second genre of the simulated artists is a name for the half of their music that sounds
most like that genre: a line through one kind of music. Whoever knows both genres and the very
measure by which the line was drawn, and learns where it lies from the person's words alone,
does no better than this. Pure.
"""

from collections.abc import Iterator, Mapping, Sequence

from benchmarks.learning.library import Clip
from benchmarks.learning.people import centres, second_genre

__all__ = ["knowing"]

Word = tuple[float, bool]  # how close the track is to the second genre; whether it is of it


def knowing(
    clips: Sequence[Clip],
    called: Mapping[str, str],
    first: Mapping[str, str],
    *,
    from_the_start: bool,
) -> Iterator[tuple[str, bool]]:
    """Yield whose file follows a correction, and whether its first guess is right.

    *clips* in the order in which they come, what they are *called* by this person, and the
    *first* guess of each where nothing was said yet, by fingerprint. *from_the_start* it is known
    that the artist has two genres; else each is believed in from the first word on it on.
    """
    middle = centres(clips)
    for who in sorted({clip.who for clip in clips if clip.artist is not None}):
        mine = [clip for clip in clips if clip.who == who]
        if len({called[clip.fingerprint] for clip in mine}) > 1:
            second, near = second_genre(mine, middle)
            names = [called[clip.fingerprint] for clip in mine]
            guesses = [first[clip.fingerprint] for clip in mine]
            told = _told(names, guesses, near.tolist(), (mine[0].genre, second), from_the_start)
            yield from ((who, right) for right in told)


def _told(
    names: Sequence[str],
    guesses: Sequence[str],
    near: Sequence[float],
    genres: tuple[str, str],
    from_the_start: bool,
) -> Iterator[bool]:
    """Of each file after a correction, whether it is guessed."""
    words: list[Word] = []
    corrected = False
    for name, guess, close in zip(names, guesses, near, strict=True):
        said = genres[_is_second(words, close, from_the_start)] if words else guess
        if corrected:
            yield said == name
        corrected = said != name
        if corrected:
            words.append((close, name == genres[1]))


def _is_second(words: Sequence[Word], close: float, from_the_start: bool) -> bool:
    """Whether a track so *close* to the second genre is of it: the line is midway."""
    second = [at for at, is_second in words if is_second]
    first = [at for at, is_second in words if not is_second]
    if first and second:
        return close > (max(first) + min(second)) / 2
    if not from_the_start:
        return bool(second)
    return close > max(first) if first else close >= min(second)
