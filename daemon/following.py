"""Which of our tags a person's words speak against: files tagged by us on the same evidence.

After a correction the tracks that share its album, artist or composer are judged anew, our
own tags left out of account. It offers; only a person's yes, or the option, changes a file.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from sqlite_utils import Database

from core.library import feedback_log, files, runs
from core.library.feedback_log import FeedbackRow
from core.library.files import FileRow
from core.library.keys import keys_in
from core.names import Keys
from daemon.judge import Judge

__all__ = ["Offer", "decline", "followers", "offers", "settle"]

CLEARLY = 0.1  # by so much the new genre must lead, or two words at odds would take turns
SETTLED = "followed"  # setting: the newest word that nothing is to be asked about any more
DECLINED = "not followed"  # setting: [genre, whose music] of what was declined since


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """Files of ours that would now be *genre*, by what was said of the same music."""

    genre: str
    name: str  # whose music it is, as most of its files are tagged
    files: tuple[FileRow, ...]


def offers(db: Database, judge: Judge) -> tuple[Offer, ...]:
    """Return what follows from the words that nobody was asked about yet, the most files first."""
    said = feedback_log.feedback_after(db, runs.get_setting(db, SETTLED) or 0)
    found: dict[tuple[str, str], list[FileRow]] = defaultdict(list)
    for row, genre in followers(db, judge, said):
        found[genre, _whose(row)].append(row)
    declined = {tuple(pair) for pair in runs.get_setting(db, DECLINED) or ()}
    made = [_offer(key[0], rows) for key, rows in found.items() if key not in declined]
    return tuple(sorted(made, key=lambda offer: (-len(offer.files), offer.name, offer.genre)))


def decline(db: Database, offer: Offer) -> None:
    """Remember that the files of *offer* shall stay as they are."""
    pairs = runs.get_setting(db, DECLINED) or []
    runs.set_setting(db, DECLINED, [*pairs, [offer.genre, _whose(offer.files[0])]])


def settle(db: Database) -> None:
    """Remember that the person was asked about all that was said so far, and answered."""
    runs.set_setting(db, SETTLED, feedback_log.last_feedback_id(db))
    runs.set_setting(db, DECLINED, [])


def followers(db: Database, judge: Judge, said: Iterable[FeedbackRow]) -> list[tuple[FileRow, str]]:
    """Return each file of ours that the words *said* give another genre, and that genre.

    Only a genre that was said of music with the same album, artist or composer.
    """
    names = judge.vocabulary()
    near: dict[str, FileRow] = {}
    wanted: dict[str, set[str]] = defaultdict(set)
    for keys, genres in _by_keys(said).items():
        for row in files.ours_sharing(db, keys):
            near[row.path] = row
            wanted[row.path] |= {names.key(genre) for genre in genres}
    found = []
    for path, row in near.items():
        verdict = judge.at_a_glance(row)
        best = verdict.best if verdict else None
        if verdict is None or best is None or names.key(best.genre) not in wanted[path]:
            continue
        own = {names.key(genre) for genre in row.genres}
        kept = max((v.confidence for v in verdict.genres if names.key(v.genre) in own), default=0.0)
        if names.key(best.genre) not in own and best.confidence >= kept + CLEARLY:
            found.append((row, best.genre))
    return found


def _by_keys(said: Iterable[FeedbackRow]) -> dict[Keys, set[str]]:
    """The genres named, by whose music they were said of."""
    named: dict[Keys, set[str]] = defaultdict(set)
    for row in said:
        if row.kind in feedback_log.NAMED and row.new and _is_meant(row):
            named[keys_in(row)].add(row.new[0])
    return named


def _is_meant(row: FeedbackRow) -> bool:
    """Say whether a person said it, rather than a program or an undo."""
    return row.whose == "person" and row.via != "undo"


def _whose(row: FileRow) -> str:
    return row.keys.artist or row.keys.composer or row.keys.album


def _offer(genre: str, rows: list[FileRow]) -> Offer:
    names = Counter(row.artist or row.album_artist or row.album or "" for row in rows)
    ordered = tuple(sorted(rows, key=lambda row: (row.album or "", row.path)))
    return Offer(genre=genre, name=names.most_common(1)[0][0], files=ordered)
