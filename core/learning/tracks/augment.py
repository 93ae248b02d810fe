"""Other masterings of the same music, so that the network learns the genre, not the studio.

One table says how likely and how strong each effect is, and where a genre differs. Every
effect comes to every genre at least one time in ten, else the network would learn the
augmenter. What a copy gets follows from the track's fingerprint, the seed, its number and
its genre alone. Copies are for fitting; nothing is ever judged by them.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from math import ceil

import numpy as np
from numpy.typing import NDArray

from core.analysis.decode import Recording
from core.analysis.segments import HOP, RATE, Plan, Span
from core.learning.tracks import effects
from core.taxonomy import fold

__all__ = [
    "EFFECTS",
    "FLOOR",
    "GENRES",
    "PLAIN",
    "Effect",
    "Setting",
    "chosen",
    "copies_of",
    "disturb",
    "favoured",
    "random_for",
    "setting",
    "warped",
]

Samples = NDArray[np.float32]  # [m] mono
Drawn = Callable[[Samples, int, np.random.Generator, float], Samples]

FLOOR = 0.1  # no genre gets an effect less often
MOST = 5  # times the copies that the commonest genre gets


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """How often a copy gets an effect, and how strong it is; 1 is as for most genres."""

    chance: float
    strength: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """One way to disturb samples: its usual setting, and what draws its knobs."""

    name: str
    usual: Setting
    apply: Drawn  # samples, rate in Hz, where the knobs are drawn from, strength


# --- the effects, in the order in which music meets them ------------------------------------


def _tempo(sound: Samples, _rate: int, knobs: np.random.Generator, strength: float) -> Samples:
    """Up to 10 % faster or slower."""
    return effects.stretched(sound, 1 + strength * knobs.uniform(-0.10, 0.10))


def _pitch(sound: Samples, rate: int, knobs: np.random.Generator, strength: float) -> Samples:
    """Up to one semitone higher or lower."""
    return effects.pitched(sound, rate, strength * knobs.uniform(-1, 1))


def _equaliser(sound: Samples, rate: int, knobs: np.random.Generator, strength: float) -> Samples:
    """Up to 8 dB more or less at each of six places."""
    gains = strength * knobs.uniform(-8, 8, len(effects.PLACES_HZ))
    return effects.equalised(sound, rate, gains)


def _bass(sound: Samples, rate: int, knobs: np.random.Generator, strength: float) -> Samples:
    """2 to 8 dB more below 150 Hz."""
    return effects.lowest_raised(sound, rate, strength * knobs.uniform(2, 8))


def _drive(sound: Samples, _rate: int, knobs: np.random.Generator, strength: float) -> Samples:
    """Up to 12 dB into the limiter, as loud masterings are."""
    return effects.driven(sound, strength * knobs.uniform(0, 12))


def _room(sound: Samples, rate: int, knobs: np.random.Generator, strength: float) -> Samples:
    """A tail of 0.1 to 0.8 s, 6 to 20 dB below the sound."""
    seconds, below = strength * knobs.uniform(0.1, 0.8), knobs.uniform(6, 20) / strength
    return effects.reverberant(sound, rate, seconds, below, knobs)


def _speaker(sound: Samples, rate: int, knobs: np.random.Generator, strength: float) -> Samples:
    """Lose the highest and the lowest."""
    high = (1 - knobs.uniform(0.05, 0.45) * min(strength, 1.5)) * rate / 2
    return effects.narrowed(sound, rate, strength * knobs.uniform(20, 120), high)


def _noise(sound: Samples, _rate: int, knobs: np.random.Generator, strength: float) -> Samples:
    """White to pink, 15 to 45 dB below the sound."""
    colour, below = knobs.uniform(0, 1), knobs.uniform(15, 45) / strength
    return effects.noisy(sound, colour, below, knobs)


def _loudness(sound: Samples, _rate: int, knobs: np.random.Generator, strength: float) -> Samples:
    """Up to 12 dB louder or softer."""
    return effects.louder(sound, strength * knobs.uniform(-12, 12))


def _codec(sound: Samples, rate: int, knobs: np.random.Generator, strength: float) -> Samples:
    """Through MP3 at 128 kbit/s or less: 64 in stereo is 32 in mono."""
    rates = (128, 96, 64, 48, 32)
    return effects.coded(sound, rate, rates[min(4, int(strength * knobs.integers(len(rates))))])


EFFECTS: tuple[Effect, ...] = (
    Effect(name="tempo", usual=Setting(chance=0.25), apply=_tempo),
    Effect(name="pitch", usual=Setting(chance=0.25), apply=_pitch),
    Effect(name="equaliser", usual=Setting(chance=0.7), apply=_equaliser),
    Effect(name="bass", usual=Setting(chance=0.25), apply=_bass),
    Effect(name="drive", usual=Setting(chance=0.25), apply=_drive),
    Effect(name="room", usual=Setting(chance=0.25), apply=_room),
    Effect(name="speaker", usual=Setting(chance=0.2), apply=_speaker),
    Effect(name="noise", usual=Setting(chance=0.35), apply=_noise),
    Effect(name="loudness", usual=Setting(chance=0.5), apply=_loudness),
    Effect(name="codec", usual=Setting(chance=0.3), apply=_codec),
)
PLAIN = ("equaliser", "noise", "loudness")  # what --no-advanced-aug leaves, for all genres alike

# Where music of a genre is found in that state more often than other music. No chance is more
# than doubled, or the effect alone would tell the genre.
_LOUD = {"drive": Setting(chance=0.3), "loudness": Setting(chance=0.6)}
_HEAVY = {"bass": Setting(chance=0.45, strength=1.25)}
_HALL = {"room": Setting(chance=0.45, strength=1.25), "drive": Setting(chance=0.2)}
_CLUB = {**_HEAVY, "tempo": Setting(chance=0.4), "pitch": Setting(chance=0.4)}
_OLD = {"speaker": Setting(chance=0.35), "noise": Setting(chance=0.5)}
GENRES: Mapping[str, Mapping[str, Setting]] = {
    "metal": _LOUD,
    "punk": _LOUD,
    "rock": {"drive": Setting(chance=0.28)},
    "indie": {"drive": Setting(chance=0.28)},
    "hiphop": {**_CLUB, "codec": Setting(chance=0.4)},
    "rap": {**_CLUB, "codec": Setting(chance=0.4)},
    "reggae": {**_HEAVY, "room": Setting(chance=0.35)},
    "dub": {**_HEAVY, "room": Setting(chance=0.45, strength=1.25)},
    "disco": _CLUB,
    "house": _CLUB,
    "techno": _CLUB,
    "electronic": _CLUB,
    "drumandbass": _CLUB,
    "classical": _HALL,
    "jazz": _HALL,
    "ambient": _HALL,
    "folk": {"room": Setting(chance=0.35)},
    "blues": _OLD,
    "country": _OLD,
    "soul": _OLD,
    "pop": {"codec": Setting(chance=0.4), "loudness": Setting(chance=0.6)},
}


def setting(effect: Effect, genre: str) -> Setting:
    """Return how *effect* comes to *genre*, however that is spelled."""
    return GENRES.get(fold(genre), {}).get(effect.name, effect.usual)


def favoured(name: str) -> frozenset[str]:
    """Return the folded names of the genres that get the effect of that *name* more often."""
    effect = next(effect for effect in EFFECTS if effect.name == name)
    return frozenset(g for g in GENRES if setting(effect, g).chance > effect.usual.chance)


# --- copies ---------------------------------------------------------------------------------


def copies_of(genre_files: int, most_files: int, factor: int) -> int:
    """Return how many copies each file of a genre with *genre_files* files gets.

    *factor* where it is the commonest, with *most_files*; more where it is rarer, so that
    each genre has about as many copies in all; never more than five times *factor*.
    """
    return min(MOST * factor, ceil(factor * most_files / genre_files))


def random_for(fingerprint: str, seed: int, copy: int) -> np.random.Generator:
    """Return the one generator that copy number *copy* of this track draws from."""
    digest = hashlib.sha256(f"{fingerprint}/{seed}/{copy}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "little"))


def chosen(
    rng: np.random.Generator, genre: str, *, advanced: bool
) -> tuple[tuple[Effect, Setting], ...]:
    """Draw the effects of one copy: each by its chance for *genre*, at least one.

    Without *advanced* only the plain ones, alike for all genres.
    """
    offered = [
        (effect, setting(effect, genre) if advanced else effect.usual)
        for effect in EFFECTS
        if advanced or effect.name in PLAIN
    ]
    drawn = tuple(pair for pair in offered if rng.random() < pair[1].chance)
    return drawn or (offered[int(rng.integers(len(offered)))],)


def disturb(
    recording: Recording, genre: str, rng: np.random.Generator, *, advanced: bool
) -> Recording:
    """Return *recording* of a track of *genre*, all its pieces treated with the same knobs."""
    drawn = chosen(rng, genre, advanced=advanced)
    knobs = int(rng.integers(2**63))
    pieces = tuple(_treated(piece, drawn, knobs) for piece in recording.pieces)
    return warped(recording, pieces)


def _treated(piece: Samples, drawn: tuple[tuple[Effect, Setting], ...], knobs: int) -> Samples:
    rng = np.random.default_rng(knobs)
    for effect, how in drawn:
        piece = effect.apply(piece, RATE, rng, how.strength) if piece.size else piece
    return np.asarray(piece, dtype=np.float32)


def warped(recording: Recording, pieces: tuple[Samples, ...]) -> Recording:
    """Return *recording* with *pieces* in place of its own, which may be longer or shorter.

    Segments and contexts keep their length where they can, and their place in the music.
    """
    windows, segments, contexts, start = [], [], [], 0
    for window, old, new in zip(recording.plan.windows, recording.pieces, pieces, strict=True):
        moved = Span(start=start, stop=start + max(1, len(new)))
        for segment, context in zip(recording.plan.segments, recording.plan.contexts, strict=True):
            if old.size and window.start <= context.start < window.stop:
                segments.append(_moved(segment, window, len(old), moved))
                contexts.append(_moved(context, window, len(old), moved))
        windows.append(moved)
        start = -(-moved.stop // HOP) * HOP  # windows lie on the grid
    plan = Plan(segments=tuple(segments), contexts=tuple(contexts), windows=tuple(windows))
    return replace(recording, plan=plan, pieces=pieces)


def _moved(span: Span, window: Span, size: int, moved: Span) -> Span:
    """*span* of a *window* of *size* samples, in the window *moved* that it has become."""
    room = moved.stop - moved.start
    length = min(span.stop - span.start, room)
    middle = ((span.start + span.stop) / 2 - window.start) * room / size
    first = int(min(max(middle - length / 2, 0), room - length)) // HOP * HOP
    return Span(start=moved.start + first, stop=moved.start + first + length)
