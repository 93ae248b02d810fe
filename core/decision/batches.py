"""Many edits in a short time: one act of a person, or the doing of a program?

Pure: times and values in, which edits are one batch and whose it seems to be out. Each file
is obeyed at once whatever is found here; it only says how much the words weigh for others.
"""

from bisect import bisect_right
from collections.abc import Iterable

from core.library.batches import Edit, Value
from core.taxonomy import fold_all

__all__ = ["MANY", "WINDOW_NS", "crowds", "whose"]

MANY = 20  # edits of more files within the window are a batch: nobody types so fast
WINDOW_NS = 120 * 10**9
SAME = 0.9  # so much of a batch has one genre where a person chose it for all of them
OTHERS = 0.1  # in more of the saves other fields changed, too: a tagger fills in what it found


def crowds(edits: Iterable[Edit]) -> list[list[Edit]]:
    """Return the batches among *edits*, each in the order of time.

    A batch may last longer than the window: it is whatever windows of WINDOW_NS with more than
    MANY edits have in common.
    """
    ordered = sorted(edits, key=lambda edit: edit.at_ns)
    moments = [edit.at_ns for edit in ordered]
    found: list[tuple[int, int]] = []
    for first, moment in enumerate(moments):
        end = bisect_right(moments, moment + WINDOW_NS)
        if end - first <= MANY:
            continue
        if found and first < found[-1][1]:
            found[-1] = (found[-1][0], end)
        else:
            found.append((first, end))
    return [ordered[first:end] for first, end in found]


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
