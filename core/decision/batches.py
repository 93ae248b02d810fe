"""Many edits in a short time: one act of a person, or the doing of a program?

Pure: times and values in, which edits are one batch and whose it seems to be out. Each file
is obeyed at once whatever is found here; it only says how much the words weigh for others.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence

from core.library.batches import Edit, Value
from core.taxonomy import fold_all

__all__ = ["MANY", "WINDOW_NS", "crowd", "whose"]

MANY = 20  # edits of more files within the window are a batch: nobody types so fast
WINDOW_NS = 120 * 10**9
SAME = 0.9  # so much of a batch has one genre where a person chose it for all of them
OTHERS = 0.1  # in more of the saves other fields changed, too: a tagger fills in what it found


def crowd(edits: Sequence[Edit], word: int) -> list[Edit]:
    """Return the *edits* that the one numbered *word* is a batch with, itself included.

    None where they are few. A batch may last longer than the window: it is whatever shares a
    window of WINDOW_NS that holds more than MANY.
    """
    ordered = sorted(edits, key=lambda edit: edit.at_ns)
    moments = [edit.at_ns for edit in ordered]
    place = next(number for number, edit in enumerate(ordered) if edit.word == word)
    earliest = bisect_left(moments, moments[place] - WINDOW_NS)
    windows = [
        (first, bisect_right(moments, moments[first] + WINDOW_NS))
        for first in range(earliest, place + 1)
    ]
    full = [(first, end) for first, end in windows if end - first > MANY]
    if not full:
        return []
    # each holds the edit, so that together they leave no gap
    return ordered[min(first for first, _ in full) : max(end for _, end in full)]


def whose(values: Iterable[Value]) -> str:
    """Return "person" where one value was given to all and nothing else; "program" else."""
    counts: dict[tuple[bool, frozenset[str]], int] = {}
    others = 0
    for value in values:
        key = (value.refused, fold_all(value.genres))
        counts[key] = counts.get(key, 0) + value.files
        others += value.with_others
    total = sum(counts.values())
    one = max(counts.values(), default=0) >= SAME * total
    return "person" if one and others <= OTHERS * total else "program"
