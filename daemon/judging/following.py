"""Which of our tags would be others by now: after a person's words, or under a new model.

After a correction the tracks that share its album, artist or composer are judged anew, our
own tags left out of account. It offers; only a person's yes, or the option, changes a file.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace

from sqlite_utils import Database

from core.decision.policy import Action
from core.decision.testimony import AUDIT
from core.library import feedback_log, files, hearings, runs
from core.library.feedback_log import FeedbackRow
from core.library.files import FileRow
from core.library.keys import keys_in
from core.library.schema import writing
from core.names import Keys
from daemon.judging.judge import Judge

__all__ = ["Offer", "decline", "followers", "keep", "offers", "second_thoughts", "settle"]

CLEARLY = 0.1  # by so much the new genre must lead, or two words at odds would take turns
SETTLED = "followed"  # setting: the newest word that nothing is to be asked about any more
KEPT = "kept as it is"  # setting: a model version, and [genre, whose music] declined under it
DECLINED = "not followed"  # setting: [genre, whose music] of what was declined since


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """Files of ours that would now be *genre*, by what was said of the same music."""

    genre: str
    name: str  # whose music it is, as most of its files are tagged
    files: tuple[FileRow, ...]
    by_model: bool = False  # not by a word: the model in use says so


def second_thoughts(db: Database, judge: Judge) -> tuple[Offer, ...]:
    """Return which files of ours the model in use would tag otherwise, the most files first.

    Only where it is sure enough to write it.
    """
    version = judge.model().version
    kept = runs.get_setting(db, KEPT) or {}
    declined = {tuple(pair) for pair in kept.get("pairs", ()) if kept["version"] == version}
    found: dict[tuple[str, str], list[FileRow]] = defaultdict(list)
    for path in hearings.rethought(db, version):
        row = files.file_at(db, path)
        genre = _otherwise(judge, row) if row is not None else None
        if row is not None and genre is not None:
            found[genre, _whose(row)].append(row)
    made = [_offer(key[0], rows) for key, rows in found.items() if key not in declined]
    return tuple(replace(offer, by_model=True) for offer in _in_order(made))


def keep(db: Database, judge: Judge, offer: Offer) -> None:
    """Remember that the files of *offer* stay as they are, whatever the model in use says."""
    version = judge.model().version
    pair = [offer.genre, _whose(offer.files[0])]
    with writing(db):
        kept = runs.get_setting(db, KEPT) or {}
        pairs = kept["pairs"] if kept.get("version") == version else []
        runs.set_setting(db, KEPT, {"version": version, "pairs": [*pairs, pair]})


def offers(db: Database, judge: Judge) -> tuple[Offer, ...]:
    """Return what follows from the words that nobody was asked about yet, the most files first."""
    since = feedback_log.feedback_after(db, runs.get_setting(db, SETTLED) or 0)
    said = [row for row in since if not _was_said_before(db, row)]
    found: dict[tuple[str, str], list[FileRow]] = defaultdict(list)
    for row, genre in followers(db, judge, said):
        found[genre, _whose(row)].append(row)
    declined = {tuple(pair) for pair in runs.get_setting(db, DECLINED) or ()}
    made = [_offer(key[0], rows) for key, rows in found.items() if key not in declined]
    return _in_order(made)


def decline(db: Database, offer: Offer) -> None:
    """Remember that the files of *offer* shall stay as they are."""
    with writing(db):
        pairs = runs.get_setting(db, DECLINED) or []
        runs.set_setting(db, DECLINED, [*pairs, [offer.genre, _whose(offer.files[0])]])


def settle(db: Database, newest: int) -> None:
    """Remember that the person was asked about all up to the word *newest*, and answered."""
    with writing(db):
        runs.set_setting(db, SETTLED, newest)
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


def _otherwise(judge: Judge, row: FileRow) -> str | None:
    """The other genre that would be written to the file by now; None where there is none."""
    verdict, names = judge.at_a_glance(row), judge.vocabulary()
    if verdict is None:
        return None
    decision = judge.decide(verdict, row, asked=True)
    if decision.action is not Action.WRITE or decision.genre is None or decision.guessed:
        return None
    same = any(names.same(decision.genre, genre) for genre in row.genres)
    return None if same else decision.genre


def _in_order(made: Iterable[Offer]) -> tuple[Offer, ...]:
    return tuple(sorted(made, key=lambda offer: (-len(offer.files), offer.name, offer.genre)))


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


def _was_said_before(db: Database, row: FeedbackRow) -> bool:
    """Say whether it is a word that was said before and only taken for the answer to an audit."""
    if row.via != AUDIT:
        return False
    earlier = [
        word for word in feedback_log.feedback_of_track(db, row.fingerprint) if word.id < row.id
    ]
    return bool(earlier) and (earlier[-1].kind, earlier[-1].new) == (row.kind, row.new)


def _whose(row: FileRow) -> str:
    return row.keys.artist or row.keys.composer or row.keys.album


def _offer(genre: str, rows: list[FileRow]) -> Offer:
    names = Counter(row.artist or row.album_artist or row.album or "" for row in rows)
    ordered = tuple(sorted(rows, key=lambda row: (row.album or "", row.path)))
    return Offer(genre=genre, name=names.most_common(1)[0][0], files=ordered)
