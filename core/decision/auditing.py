"""About which of our writes is a person asked, so that the promise rests on unbiased evidence?

All of the first 25, then a few a week drawn at random: never by how sure we were, and never
without those that were corrected or taken back meanwhile. Pure: time and chance are given.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from random import Random

from core.library.audits import Asked, Promised

__all__ = ["FIRST", "Why", "drawable", "drawn"]

FIRST = 25  # writes that are asked about all at once
WEEK = timedelta(days=7)


class Why(StrEnum):
    """For which of the two reasons a track is asked about."""

    FIRST = "first writes"
    RANDOM = "random"


def drawn(
    written: Sequence[Promised],
    asked: Sequence[Asked],
    now: datetime,
    rng: Random,
    a_week: int,
) -> tuple[Why, tuple[Promised, ...]]:
    """Return the tracks to ask about beside those that were *asked* about, and why.

    *written*, in the order of writing, is all that was written under the promise. The first
    list is asked once it is full; after that at most *a_week* tracks in seven days, of those
    written in the last seven. With none a week nobody is asked at all.
    """
    why, fresh, count = drawable(written, asked, now, a_week)
    if count >= len(fresh):
        return why, tuple(fresh)
    return why, tuple(rng.sample(fresh, count))


def drawable(
    written: Sequence[Promised], asked: Sequence[Asked], now: datetime, a_week: int
) -> tuple[Why, Sequence[Promised], int]:
    """Return for `drawn` why to ask, the tracks to draw from, and how many of them."""
    if a_week == 0:
        return Why.RANDOM, (), 0
    if not any(item.why == Why.FIRST for item in asked):
        return Why.FIRST, written[:FIRST] if len(written) >= FIRST else (), FIRST
    known = {item.fingerprint for item in asked}
    fresh = [item for item in written if item.at > now - WEEK and item.fingerprint not in known]
    recent = sum(item.why == Why.RANDOM and item.at > now - WEEK for item in asked)
    return Why.RANDOM, fresh, max(0, a_week - recent)
