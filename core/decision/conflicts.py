"""Where do people's words contradict each other, and what of it should training believe less?

One piece of music under two names, two pieces that sound the same under different ones, a
genre that goes back and forth. Each word is obeyed for its own file whatever is found here;
the doubtful ones weigh less in training, and review shows why. Pure.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.library.feedback_log import NAMED, FeedbackRow
from core.taxonomy import fold

__all__ = ["Conflict", "conflicts", "doubtful"]

# Two tracks whose embeddings are this alike are the same recording. Of 544 excerpts (41 pairs of
# one clip among them) no two of different artists come nearer than .97.
ALIKE = 0.98
ROWS = 512  # compared at a time, so that many labels are no trouble

Spelling = Callable[[str], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """Words that contradict each other, and why in one sentence."""

    kind: str  # "two names", "alike" or "back and forth"
    fingerprints: tuple[str, ...]  # the tracks that it is about
    paths: tuple[str, ...]  # their files, as people named them
    genres: tuple[str, ...]  # what was said, in order of time
    reason: str


def conflicts(
    rows: Iterable[FeedbackRow],
    embeddings: Mapping[str, NDArray[np.floating[Any]]],
    same: Spelling = fold,
) -> tuple[Conflict, ...]:
    """Return the conflicts in all feedback *rows*, the oldest first.

    *embeddings* has the backbone's [200] of the tracks that were heard with it; two genres are
    one where *same* makes one word of them. Reversions and a program's edits are no words.
    """
    by_track: dict[str, list[FeedbackRow]] = defaultdict(list)
    for row in rows:
        if row.kind != "reversion" and row.whose == "person":
            by_track[row.fingerprint].append(row)
    words = list(by_track.values())
    found = [_two_names(said, same) for said in words] + [_to_and_fro(said, same) for said in words]
    last = [said[-1] for said in words if said[-1].kind in NAMED and said[-1].new]
    return (*(one for one in found if one is not None), *_alike(last, embeddings, same))


def doubtful(found: Iterable[Conflict]) -> frozenset[str]:
    """Return the fingerprints of the tracks whose label training should believe less.

    Of one track under two names the later word is simply the one that counts.
    """
    return frozenset(
        fingerprint
        for conflict in found
        if conflict.kind != "two names"
        for fingerprint in conflict.fingerprints
    )


def _two_names(said: Sequence[FeedbackRow], same: Spelling) -> Conflict | None:
    """Files of one track whose last words differ."""
    last = {row.path: row for row in said}  # of each file, in order of first word
    rows = sorted((r for r in last.values() if r.kind in NAMED and r.new), key=lambda r: r.id)
    if len({same(row.new[0]) for row in rows}) < 2:  # noqa: PLR2004  one name is none too many
        return None
    first, latest = rows[0], rows[-1]
    return Conflict(
        kind="two names",
        fingerprints=(latest.fingerprint,),
        paths=tuple(row.path for row in rows),
        genres=tuple(row.new[0] for row in rows),
        reason=f"the same music is {first.new[0]} in {_name(first)} and {latest.new[0]} in"
        f" {_name(latest)}; what was said last is learned",
    )


def _to_and_fro(said: Sequence[FeedbackRow], same: Spelling) -> Conflict | None:
    """A file whose genre came back to what it had been before."""
    for path in dict.fromkeys(row.path for row in said):
        rows = _standing([row for row in said if row.path == path])
        names = [row.new[0] if row.new else f"not {row.old[0]}" for row in rows]
        turns = [n for i, n in enumerate(names) if not i or same(n) != same(names[i - 1])]
        if len({same(name) for name in turns}) < len(turns):  # one of them came back
            return Conflict(
                kind="back and forth",
                fingerprints=(said[-1].fingerprint,),
                paths=(path,),
                genres=tuple(turns),
                reason=f"{_name(rows[-1])} went back and forth: {', '.join(turns)}",
            )
    return None


def _standing(rows: Sequence[FeedbackRow]) -> list[FeedbackRow]:
    """Those of *rows* that say something and were not taken back by an undo, which says nothing."""
    standing: list[FeedbackRow] = []
    for row in rows:
        if row.via == "undo":
            del standing[-1:]
        elif row.new or (row.kind == "rejection" and row.old):
            standing.append(row)
    return standing


def _alike(
    rows: Sequence[FeedbackRow],
    embeddings: Mapping[str, NDArray[np.floating[Any]]],
    same: Spelling,
) -> Iterator[Conflict]:
    """Tracks of different genres that are the same recording to the ear."""
    heard = [row for row in rows if row.fingerprint in embeddings]
    if len(heard) < 2:  # noqa: PLR2004
        return
    genre = np.unique([same(row.new[0]) for row in heard], return_inverse=True)[1]
    for one, other in _pairs(np.stack([embeddings[row.fingerprint] for row in heard]), genre):
        a, b = heard[one], heard[other]
        yield Conflict(
            kind="alike",
            fingerprints=(a.fingerprint, b.fingerprint),
            paths=(a.path, b.path),
            genres=(a.new[0], b.new[0]),
            reason=f"{_name(a)} is {a.new[0]} and {_name(b)}, which sounds the same, {b.new[0]}",
        )


def _pairs(
    heard: NDArray[np.floating[Any]],
    genre: NDArray[np.integer[Any]],
) -> Iterator[tuple[int, int]]:
    """Rows of *heard* [n, d] that are alike and whose *genre* [n] differs, each pair once."""
    length = np.linalg.norm(heard, axis=1, keepdims=True)
    unit = (heard / np.maximum(length, 1e-12)).astype(np.float32)
    for start in range(0, len(unit), ROWS):
        part = slice(start, start + ROWS)
        near = (unit[part] @ unit.T > ALIKE) & (genre[part, None] != genre)
        for one, other in zip(*np.nonzero(near), strict=True):
            if start + one < other:
                yield int(start + one), int(other)


def _name(row: FeedbackRow) -> str:
    return row.path.rpartition("/")[2]
