"""What workers heard and what was judged of it, kept so that no audio is decoded twice.

Every track keeps about 2 kB; labelled and not-sure tracks also keep their segments, for
retraining and re-judging. Arrays are stored little-endian: features and scores float16.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlite_utils import Database

from core.library.codec import as_list, list_json, path_text, time_text
from core.library.feedback_log import FeedbackRow
from core.names import group_of

__all__ = [
    "HearingRow",
    "Label",
    "Labelled",
    "VerdictRow",
    "drop_segments",
    "hearing_of",
    "labelled",
    "labels",
    "last_hearing_id",
    "recent_embeddings",
    "rethought",
    "save_hearing",
    "save_verdict",
    "stale_named",
    "stale_tagged",
    "stale_unsure",
    "verdict_of",
    "whose",
]

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HearingRow:
    """A hearing as kept; the arrays per segment are None where only the summary was kept."""

    fingerprint: str
    feature_version: int
    model_version: str
    genres: tuple[str, ...]  # columns of the scores
    segments: int
    track_features: Floats  # [2, 135]: mean and std
    pooled_scores: Floats  # [members, genres]
    embedding: Floats | None = None  # [200]: the backbone's, mean over patches
    tags: Floats | None = None  # [50]: its tag probabilities, likewise
    starts_s: Floats | None = None  # [segments]
    features: Floats | None = None  # [segments, 135]
    scores: Floats | None = None  # [members, segments, genres]


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictRow:
    """The last verdict on a track: (genre, confidence), surest first."""

    fingerprint: str
    model_version: str
    genres: tuple[tuple[str, float], ...]
    evidence: str
    segments: int
    at: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Label:
    """A track that a person named the genre of, as training wants it."""

    fingerprint: str
    genre: str
    group: str  # whose music: artist, else the folder; never on both sides of a split
    features: Floats  # [segments, 135]
    embedding: Floats | None = None  # [200]: the backbone's, mean over patches


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Labelled:
    """A heard track whose genre is somebody's word, not ours: how it sounds, summed up."""

    fingerprint: str
    path: str
    genres: tuple[str, ...]
    artist: str | None
    title: str | None
    track_features: Floats  # [2, 135]: mean and std
    embedding: Floats | None = None  # [200]


def save_hearing(db: Database, row: HearingRow) -> None:
    """Record *row*, in place of an older hearing of the same track."""
    db.execute(
        """
        insert or replace into hearings
            (fingerprint, feature_version, model_version, genres, segments,
             track_features, pooled_scores, embedding, tags, starts_s, features, scores)
        values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """,
        [
            row.fingerprint,
            row.feature_version,
            row.model_version,
            list_json(row.genres),
            row.segments,
            _half(row.track_features),
            _half(row.pooled_scores),
            None if row.embedding is None else _half(row.embedding),
            None if row.tags is None else _half(row.tags),
            None if row.starts_s is None else row.starts_s.astype("<f4").tobytes(),
            None if row.features is None else _half(row.features),
            None if row.scores is None else _half(row.scores),
        ],
    )


def hearing_of(db: Database, fingerprint: str) -> HearingRow | None:
    """Return what was heard in this track."""
    row = db.execute(
        "select fingerprint, feature_version, model_version, genres, segments, track_features, "
        "pooled_scores, embedding, tags, starts_s, features, scores "
        "from hearings where fingerprint = ?",
        [fingerprint],
    ).fetchone()
    return _hearing(row) if row else None


def last_hearing_id(db: Database) -> int:
    """Return a number that grows with each hearing that is saved, 0 where there is none."""
    newest: int = db.execute("select coalesce(max(rowid), 0) from hearings").fetchone()[0]
    return newest


def recent_embeddings(db: Database, limit: int) -> Floats:
    """Return the embeddings [n, 200] of the last *limit* tracks heard, fewer where some lack."""
    rows = db.execute(
        """
        select embedding
        from hearings
        where embedding is not null
        order by rowid desc
        limit ?
        """,
        [limit],
    ).fetchall()
    return np.stack([_array(row[0], (-1,)) for row in rows]) if rows else np.zeros((0, 0), "f4")


def drop_segments(db: Database, fingerprint: str) -> None:
    """Keep only the summary of this track's hearing."""
    db.execute(
        "update hearings set starts_s = null, features = null, scores = null where fingerprint = ?",
        [fingerprint],
    )


def save_verdict(db: Database, row: VerdictRow, now: datetime) -> None:
    """Record the verdict in place of the one before."""
    db.execute(
        "insert or replace into verdicts "
        "(fingerprint, model_version, genres, evidence, segments, at) values (?, ?, ?, ?, ?, ?)",
        [
            row.fingerprint,
            row.model_version,
            json.dumps(row.genres, ensure_ascii=False),
            row.evidence,
            row.segments,
            time_text(now),
        ],
    )


def verdict_of(db: Database, fingerprint: str | None) -> VerdictRow | None:
    """Return the last verdict on this track."""
    row = db.execute(
        "select fingerprint, model_version, genres, evidence, segments, at "
        "from verdicts where fingerprint = ?",
        [fingerprint],
    ).fetchone()
    if row is None:
        return None
    return VerdictRow(
        fingerprint=row[0],
        model_version=row[1],
        genres=tuple((genre, confidence) for genre, confidence in json.loads(row[2])),
        evidence=row[3],
        segments=row[4],
        at=row[5],
    )


def stale_unsure(db: Database, model_version: str, limit: int) -> list[tuple[str, str]]:
    """Return (path, fingerprint) of not-sure files whose verdict is of another model."""
    return _stale(db, "not_sure", model_version, limit)


def stale_tagged(db: Database, model_version: str, limit: int) -> list[tuple[str, str]]:
    """Return (path, fingerprint) of files tagged by us whose verdict is of another model."""
    return _stale(db, "tagged", model_version, limit)


def stale_named(db: Database, model_version: str) -> list[str]:
    """Return the tracks of a person's words whose kept segments another model was asked about.

    Without those that are among `stale_unsure` and `stale_tagged`.
    """
    rows = db.execute(
        """
        select fingerprint
        from hearings
        where model_version != ?
            and features is not null
            and segments > 0
            and fingerprint in (select fingerprint from words where kind != 'reversion')
            and not exists (
                select 1
                from files
                where files.fingerprint = hearings.fingerprint
                    and files.state in ('not_sure', 'tagged')
                    and files.gone_at is null
                    and files.hands_off = 0
            )
        """,
        [model_version],
    )
    return [row[0] for row in rows]


def rethought(db: Database, model_version: str) -> list[str]:
    """Return the files tagged by us of which this model says another first genre than they bear."""
    rows = db.execute(
        """
        select files.path
        from files
        join verdicts using (fingerprint)
        where files.state = 'tagged'
            and files.origin = 'ours'
            and files.gone_at is null
            and files.hands_off = 0
            and verdicts.model_version = ?
            and json_extract(verdicts.genres, '$[0][0]') != json_extract(files.genres, '$[0]')
        order by files.path
        """,
        [model_version],
    )
    return [path_text(row[0]) for row in rows]


def _stale(db: Database, state: str, model_version: str, limit: int) -> list[tuple[str, str]]:
    rows = db.execute(
        """
        select files.path, files.fingerprint
        from files
        join verdicts using (fingerprint)
        where files.state = ?
            and files.gone_at is null
            and files.hands_off = 0
            and verdicts.model_version != ?
        limit ?
        """,
        [state, model_version, limit],
    )
    return [(path_text(path), fingerprint) for path, fingerprint in rows]


def labels(db: Database, feature_version: int) -> list[Label]:
    """Return what people said of tracks whose segments are kept; the latest word wins.

    Only people's words: confirmations, corrections and labels, never our own guesses nor what
    a program did to many files. A track whose last word is a rejection or an emptied tag has no
    label.
    """
    rows = db.execute(
        """
        select words.fingerprint, words.new, words.artist, words.album_artist,
            words.path, hearings.segments, hearings.features, hearings.embedding
        from words
        join hearings using (fingerprint)
        where words.id in (
                select max(id)
                from words
                where kind != 'reversion'
                group by fingerprint
            )
            and words.kind in ('correction', 'label', 'confirmation')
            and words.new != '[]'
            and hearings.features is not null
            and hearings.segments > 0
            and hearings.feature_version = ?
        order by words.id
        """,
        [feature_version],
    )
    return [_label(row) for row in rows]


def labelled(db: Database, feature_version: int) -> list[Labelled]:
    """Return the heard tracks whose genre a person gave or that came with one, a row a track.

    A vanished file counts while the record knows it, for the genre was said of the music.
    """
    rows = db.execute(
        """
        select files.fingerprint, files.path, files.genres, files.artist, files.title,
            hearings.track_features, hearings.embedding, max(files.changed_at)
        from files
        join hearings using (fingerprint)
        where files.origin in ('person', 'arrived')
            and files.genres != '[]'
            and hearings.segments > 0
            and hearings.feature_version = ?
        group by files.fingerprint
        order by files.fingerprint
        """,
        [feature_version],
    )
    return [_labelled(row) for row in rows]


def _labelled(row: Sequence[Any]) -> Labelled:
    return Labelled(
        fingerprint=row[0],
        path=path_text(row[1]),
        genres=as_list(row[2]),
        artist=row[3],
        title=row[4],
        track_features=_array(row[5], (2, -1)),
        embedding=None if row[6] is None else _array(row[6], (-1,)),
    )


def whose(said: FeedbackRow) -> str:
    """Return the group that a label of this track belongs to: its artist, else its folder."""
    return group_of(said.artist, said.album_artist, said.path)


def _label(row: Sequence[Any]) -> Label:
    return Label(
        fingerprint=row[0],
        genre=as_list(row[1])[0],
        group=group_of(row[2], row[3], path_text(row[4])),
        features=_array(row[6], (row[5], -1)),
        embedding=None if row[7] is None else _array(row[7], (-1,)),
    )


def _hearing(row: Sequence[Any]) -> HearingRow:
    genres = as_list(row[3])
    segments = row[4]
    pooled = _array(row[6], (-1, len(genres)))
    return HearingRow(
        fingerprint=row[0],
        feature_version=row[1],
        model_version=row[2],
        genres=genres,
        segments=segments,
        track_features=_array(row[5], (2, -1)),
        pooled_scores=pooled,
        embedding=None if row[7] is None else _array(row[7], (-1,)),
        tags=None if row[8] is None else _array(row[8], (-1,)),
        starts_s=None if row[9] is None else np.frombuffer(row[9], "<f4"),
        features=None if row[10] is None else _array(row[10], (segments, -1)),
        scores=None if row[11] is None else _array(row[11], (len(pooled), segments, len(genres))),
    )


def _half(values: Floats) -> bytes:
    limit = np.finfo(np.float16).max
    return np.clip(values, -limit, limit).astype("<f2").tobytes()


def _array(blob: bytes, shape: tuple[int, ...]) -> Floats:
    values: Floats = np.frombuffer(blob, "<f2").astype(np.float32)
    if values.size == 0:
        return np.zeros((0, 0), np.float32)
    return values.reshape(shape)
