"""What feedback changes at once, without training: this track, its album, its artist.

A read over the feedback with no state of its own. Authority in that order; counts are
shrunk towards the model, so that for artists with two genres the model decides between
them. Compilations and "Various Artists" carry no artist evidence.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlite_utils import Database

from core.decision.verdict import GenreConfidence, Verdict
from core.library import feedback_log
from core.library.feedback_log import FeedbackRow
from core.taxonomy import fold

__all__ = ["Evidence", "Whose", "blend", "recall", "rejected_genres", "without"]

KAPPA = 0.8  # how many files of the model's word a person's word weighs against
VARIOUS = frozenset(fold(name) for name in ("Various Artists", "Various", "VA", "V.A."))
LABELS = ("correction", "label", "confirmation")


@dataclass(frozen=True, slots=True, kw_only=True)
class Whose:
    """Whose music a file is, as tagged."""

    fingerprint: str
    artist: str | None = None
    album_artist: str | None = None
    album: str | None = None
    compilation: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What people said that bears on a track; genre → number of tracks."""

    track: str | None = None
    album: Mapping[str, int]
    artist: Mapping[str, int]


def recall(db: Database, whose: Whose) -> Evidence:
    """Return what the feedback says of this track, its album and its artist."""
    own = feedback_log.feedback_of_track(db, whose.fingerprint)
    others = _latest_by_track(_of_same_artist(db, whose), but=whose.fingerprint)
    same_album = [row for row in others if whose.album and row.album == whose.album]
    return Evidence(
        track=_last_word(own),
        album=_count(same_album),
        artist=_count(others),
    )


def rejected_genres(db: Database, fingerprint: str) -> frozenset[str]:
    """Return the folded genres that a person refused for this track and did not take back."""
    rejected: set[str] = set()
    for row in feedback_log.feedback_of_track(db, fingerprint):
        if row.kind in ("rejection", "correction"):
            rejected |= {fold(genre) for genre in row.old}
        rejected -= {fold(genre) for genre in row.new}
    return frozenset(rejected)


def blend(verdict: Verdict, evidence: Evidence) -> Verdict:
    """Return *verdict* as changed by what people said: p = (n_c + kappa p_model) / (n + kappa)."""
    if evidence.track is not None:
        certain = GenreConfidence(genre=evidence.track, confidence=1.0)
        return _like(verdict, (certain,), "your word on this track")
    for counts, name in ((evidence.album, "album"), (evidence.artist, "artist")):
        if counts and verdict.genres:
            return _like(verdict, _shrunk(verdict.genres, counts), f"{name} and model")
    return verdict


def without(verdict: Verdict, rejected: frozenset[str]) -> Verdict:
    """Return *verdict* without the folded genres that a person refused for this track.

    What is left keeps its confidence: to be told what it is not makes us no surer.
    """
    kept = tuple(item for item in verdict.genres if fold(item.genre) not in rejected)
    return _like(verdict, kept, verdict.evidence) if kept else verdict


def _shrunk(
    genres: tuple[GenreConfidence, ...], counts: Mapping[str, int]
) -> tuple[GenreConfidence, ...]:
    model = {fold(item.genre): item for item in genres}
    names = {key: item.genre for key, item in model.items()}
    said: Counter[str] = Counter()
    for genre, count in counts.items():
        said[fold(genre)] += count
        names[fold(genre)] = genre
    total = said.total() + KAPPA
    mixed = [
        GenreConfidence(
            genre=name,
            confidence=(said[key] + KAPPA * (model[key].confidence if key in model else 0.0))
            / total,
        )
        for key, name in names.items()
    ]
    return tuple(sorted(mixed, key=lambda item: -item.confidence))


def _like(verdict: Verdict, genres: tuple[GenreConfidence, ...], evidence: str) -> Verdict:
    return Verdict(
        genres=genres,
        model_version=verdict.model_version,
        segments=verdict.segments,
        evidence=evidence,
    )


def _of_same_artist(db: Database, whose: Whose) -> list[FeedbackRow]:
    if whose.compilation or not whose.artist or fold(whose.artist) in VARIOUS:
        return []
    return feedback_log.feedback_of_artist(db, whose.artist)


def _latest_by_track(rows: Iterable[FeedbackRow], *, but: str) -> list[FeedbackRow]:
    latest = {row.fingerprint: row for row in rows}
    latest.pop(but, None)
    return list(latest.values())


def _count(rows: Iterable[FeedbackRow]) -> Counter[str]:
    return Counter(row.new[0] for row in rows if row.new)


def _last_word(rows: list[FeedbackRow]) -> str | None:
    words = [row for row in rows if row.kind != "reversion"]
    if not words or words[-1].kind not in LABELS or not words[-1].new:
        return None
    return words[-1].new[0]
