"""From a kept hearing to a decision: the one place where model, memory and policy meet.

Used by the daemon for each file, and by the commands and the page for the files named.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from sqlite_utils import Database

from core import registry
from core.decision import memory
from core.decision.album import Album, album_of, albums, pooled
from core.decision.beyond import Beyond, Known, Spread, beyond, library_spread
from core.decision.feedback import Origin
from core.decision.memory import Evidence
from core.decision.policy import NEVER, Decision, Standing, decide, threshold_of
from core.decision.promise import Cases, Footing, footing, joined, promise, promised_before
from core.decision.prototypes import Imprints, imprints, likely, with_own
from core.decision.surety import Surety, signs, sureness
from core.decision.verdict import (
    GenreConfidence,
    Verdict,
    calibrate,
    confidences,
    segment_probabilities,
)
from core.decision.vocabulary import Vocabulary, above, vocabulary
from core.errors import ModelError
from core.library import feedback_log, hearings, taxonomy
from core.library.evidence import Voiced
from core.library.files import FileRow
from core.library.hearings import HearingRow, VerdictRow
from core.registry import Answers, Calibration, Manifest
from core.taxonomy import fold_all, meaningful, spell
from daemon.config import Policy, expand
from daemon.judging.blind import Answer, Blind
from daemon.judging.classification import SegmentView
from daemon.judging.voices import Voices

if TYPE_CHECKING:
    from core.analysis import Hearing

__all__ = ["Judge", "Model", "hearing_row", "verdict_row"]

RECENT = 1000  # tracks that say how the backbone's tags spread in this library
SHOWN = 3  # guesses that a person is shown


class Model:
    """A model version with its calibration, as judging needs them."""

    def __init__(self, manifest: Manifest) -> None:
        self.manifest = manifest
        self.calibration: Calibration = registry.load_calibration(manifest)
        self.weights = np.array(manifest.weights)
        self.bias = np.array(self.calibration.bias)
        self.surety = _surety(self.calibration, manifest.folder)
        self.known = _known(manifest)

    @property
    def version(self) -> str:
        """The version that hearings name."""
        return self.manifest.version

    def right(self, hearing: HearingRow, words: NDArray[np.float64]) -> float | None:
        """Return the chance that the first of *words* [G] is right; None where it cannot say."""
        surety = self.surety
        if surety is None or hearing.scores is None:
            return None
        if surety.places is not None and hearing.embedding is None:
            return None
        found = signs(hearing.scores, self.weights, words, hearing.embedding, surety.places)
        return sureness(float(words.max()), found, surety)


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What people's words come to as of now, asked of the record once for a verdict."""

    names: Vocabulary
    voiced: Voiced
    own: Imprints | None  # where the person's own names lie


class Judge:
    """Judges hearings under the champion; reloads it when another takes its place."""

    def __init__(self, db: Database, models: registry.Registry, policy: Policy) -> None:
        self._db = db
        self._models = models
        self._policy = policy
        self._broad = fold_all(policy.broad_genres)
        self._by_track = tuple(expand(folder) for folder in policy.album_by_track)
        self._model: Model | None = None
        # as of a model, a word and an alias
        self._footing: tuple[tuple[str, tuple[int, int, str]], Footing] | None = None
        self._names: tuple[tuple[str, tuple[int, int, str]], Vocabulary] | None = None
        self._spreads: tuple[Known, int, Spread] | None = None  # of a model, good up to a hearing
        self._answers: tuple[Model, Blind] | None = None
        self._voices = Voices(db)
        self._own: tuple[Voiced, Vocabulary, Imprints | None] | None = None  # as of these

    def model(self) -> Model:
        """Return the champion, verified once; raises ModelError where it is damaged."""
        folder = self._models.champion_dir()
        if self._model is None or self._model.manifest.folder != folder:
            self._model = Model(registry.load(folder))
        return self._model

    def model_dir(self) -> Path:
        """Return the champion's folder."""
        return self.model().manifest.folder

    def kept_hearing(self, fingerprint: str | None) -> HearingRow | None:
        """Return what is kept of the track if it has its segments and is of the model in use."""
        kept = hearings.hearing_of(self._db, fingerprint or "")
        if kept is None or kept.scores is None:
            return None
        return kept if kept.model_version == self.model().version else None

    def verdict(self, hearing: HearingRow, row: FileRow) -> Verdict:
        """Return what model and memory say of the track."""
        now = self._said()
        said = self._evidence(hearing, row, now)
        return self._finished(hearing, self._heard(hearing, now), said, now)

    def album(self, row: FileRow) -> Album | None:
        """Return the album that the file is judged with; None where it is judged alone."""
        return album_of(row.path, row.keys, self._by_track)

    def album_verdicts(self, heard: Sequence[tuple[HearingRow, FileRow]]) -> dict[str, Verdict]:
        """Return the verdicts on tracks that settled together, by fingerprint.

        Those of one album get one genre by default, from what was heard in all of them and
        what is said of any; a person's word on a track, and what was refused for it, stand.
        """
        found: dict[str, Verdict] = {}
        now = self._said()
        for members in albums(heard, lambda item: self.album(item[1])):
            by_track = {hearing.fingerprint: (hearing, row) for hearing, row in members}
            found |= self._judged_together(list(by_track.values()), now)
        return found

    def _judged_together(
        self, members: Sequence[tuple[HearingRow, FileRow]], now: Said
    ) -> dict[str, Verdict]:
        alone = [self._heard(hearing, now) for hearing, _ in members]
        said = [self._evidence(hearing, row, now) for hearing, row in members]
        whole, shared = pooled(alone), memory.on_average(said)
        if whole is not None:
            alone = [replace(whole, segments=one.segments) if one.genres else one for one in alone]
            said = [replace(shared, track=own.track) for own in said]
        return {
            hearing.fingerprint: self._finished(hearing, verdict, own, now)
            for (hearing, _), verdict, own in zip(members, alone, said, strict=True)
        }

    def _heard(self, hearing: HearingRow, now: Said) -> Verdict:
        """What the model says in the person's names, and what sounds like those it never learned.

        Without those that nobody uses.
        """
        known, heard = self.model().known, now.names.verdict(self.by_model(hearing))
        if heard.genres and known and now.own and hearing.embedding is not None:
            heard = with_own(heard, likely(hearing.embedding, now.own, known))
        return memory.without(heard, now.names.faded)

    def _said(self) -> Said:
        """What people's words come to; where names lie is made anew only for another word."""
        voiced, names = self._voices.all(), self.vocabulary()
        if self._own is None or self._own[0] is not voiced or self._own[1] is not names:
            self._own = (voiced, names, imprints(voiced, names.key, names.suggested))
        return Said(names=names, voiced=voiced, own=self._own[2])

    def _finished(self, hearing: HearingRow, heard: Verdict, said: Evidence, now: Said) -> Verdict:
        """*heard* and *said* as one, without what a person refused, spelled as they do."""
        names, blended = now.names, memory.blend(heard, said)
        rejected = memory.rejected_genres(self._db, hearing.fingerprint, key=names.key)
        final = memory.without(blended, rejected)
        parent, unproven = above(final, names.parents), names.unproven(final, said)
        return self._spelled(replace(final, parent=parent, unproven=unproven))

    def at_a_glance(self, row: FileRow) -> Verdict | None:
        """Return what model and people say of a track of which only a summary was kept.

        Tags of ours are no evidence here: it is they that are doubted. For the model speaks
        what it said when it judged the track, where another is in use by now. None where
        nothing was kept.
        """
        kept = hearings.hearing_of(self._db, row.fingerprint or "")
        last = hearings.verdict_of(self._db, row.fingerprint)
        if kept is None or last is None:
            return None
        now = self._said()
        if kept.model_version == self.model().version:
            heard = self._heard(replace(kept, scores=kept.pooled_scores[:, None, :]), now)
        else:
            heard = _as_judged(last)
        return self._finished(kept, heard, self._evidence(kept, row, now, but=Origin.OURS), now)

    def evidence(self, hearing: HearingRow, row: FileRow) -> Evidence:
        """Return what is said that bears on the track."""
        return self._evidence(hearing, row, self._said())

    def _evidence(
        self, hearing: HearingRow, row: FileRow, now: Said, *, but: str | None = None
    ) -> Evidence:
        """What is said that bears on the track; tags whose origin is *but* say nothing."""
        said = memory.recall(
            self._db,
            hearing.fingerprint,
            row.keys,
            broad=self._broad,
            but=but,
            heard=hearing.embedding,
        )
        voiced, names = now.voiced, now.names
        learned = {name for name in set(voiced.genres) if names.key(name) in names.learned}
        near, spelled = memory.neighbours(
            hearing.embedding, voiced, but=hearing.fingerprint, learned=learned
        )
        whole = replace(said, neighbours=near, spelled={**spelled, **said.spelled})
        return names.evidence(whole, imprinted=self.model().known is not None)

    def vocabulary(self) -> Vocabulary:
        """Return the person's names, read anew when there is another model, word or alias."""
        state = (self.model().version, taxonomy.newest_change(self._db))
        if self._names is None or self._names[0] != state:
            said = (taxonomy.relations(self._db), taxonomy.named(self._db))
            there = taxonomy.carried(self._db)
            self._names = (state, vocabulary(*said, there, self.model().manifest.genres))
        return self._names[1]

    def segments(self, hearing: HearingRow) -> tuple[SegmentView, ...]:
        """Return what the model says of each segment."""
        if hearing.scores is None or hearing.starts_s is None or hearing.segments == 0:
            return ()
        model = self.model()
        each = calibrate(
            segment_probabilities(hearing.scores, model.weights),
            model.calibration.temperature,
            model.bias,
        )
        return tuple(
            SegmentView(start_s=float(start), genres=_ordered(hearing.genres, row)[:SHOWN])
            for start, row in zip(hearing.starts_s, each, strict=True)
        )

    def decide(
        self, verdict: Verdict, row: FileRow, *, asked: bool = False, unwritable: str | None = None
    ) -> Decision:
        """Return what to do with the file; *asked*: a person named it just now.

        Being named lifts "hands off" and "was there before", and lets us change what is ours;
        a person's genre stays final.
        """
        promised = isinstance(self._policy.threshold, str)  # else the user's number stands alone
        return decide(
            verdict if promised else replace(verdict, unproven=False),
            self._standing(row, asked=asked, unwritable=unwritable),
            threshold=self.threshold(),
            foreign=self.foreign(),
            write_parent=self._policy.write_parent,
            guess=self._policy.when_unsure == "best guess",
        )

    def threshold(self) -> float:
        """Return the lowest sureness that is written."""
        setting = self._policy.threshold
        if not isinstance(setting, str):
            return setting
        return threshold_of(setting, self.footing().threshold)

    def footing(self) -> Footing:
        """Return what the promise rests on: made anew when there is another model or word."""
        state = (self.model().version, taxonomy.newest_change(self._db))
        if self._footing is None or self._footing[0] != state:
            self._footing = (state, self._founded())
        return self._footing[1]

    def look_anew(self) -> None:
        """Found the promise anew: what was named was heard anew under the model in use."""
        self._footing = None

    def _founded(self) -> Footing:
        calibration, precision = self.model().calibration, self._policy.precision
        if calibration.collection is None:
            start = promised_before(calibration.threshold, calibration.promise, precision)
        else:
            start = promise(_cases(calibration.collection), precision)
        blind = self._blind().cases(self.vocabulary().same)
        own = joined(_cases(calibration.library), blind)
        return footing(start, own, precision)

    def _blind(self) -> Blind:
        """What the model in use says of tracks that were named blind."""
        model = self.model()
        if self._answers is None or self._answers[0] is not model:
            self._answers = (model, Blind(self._db, model.manifest, self._answer))
        return self._answers[1]

    def _answer(self, fingerprint: str) -> Answer | None:
        """What the model alone says of a track that it heard; None where there is nothing."""
        hearing = self.kept_hearing(fingerprint)
        said = self.by_model(hearing) if hearing else None
        if said is None or said.best is None:
            return None
        sure = 0.0 if said.outside >= self.foreign() else said.sure  # never written then
        return Answer(genre=said.best.genre, sure=sure)

    def foreign(self) -> float:
        """Return from which probability of "none of the known genres" on nothing is written.

        A threshold that the user set himself stands alone.
        """
        known = self.model().known
        promised = isinstance(self._policy.threshold, str)
        return float(known.limit) if known is not None and promised else NEVER

    def _standing(self, row: FileRow, *, asked: bool, unwritable: str | None) -> Standing:
        genres = row.genres
        if row.origin in (Origin.NONE, Origin.ARRIVED):
            genres = meaningful(genres, self._policy.empty_values)
        standing = Standing(
            genres=genres,
            origin=Origin(row.origin),
            hands_off=row.hands_off,
            existing=row.existing,
            unwritable=unwritable,
            rejected=memory.rejected_genres(
                self._db, row.fingerprint or "", key=self.vocabulary().key
            ),
        )
        if not asked:
            return standing
        freed = replace(standing, hands_off=False, existing=False)
        if standing.origin is Origin.OURS:
            return replace(freed, genres=(), origin=Origin.NONE)
        return freed

    def by_model(self, hearing: HearingRow) -> Verdict:
        """Return what the model alone says, whatever people said of the album or the artist."""
        model = self.model()
        if hearing.segments == 0 or hearing.scores is None:
            return Verdict(genres=(), model_version=hearing.model_version, segments=0)
        said = confidences(
            hearing.scores,
            model.weights,
            model.calibration.temperature,
            model.bias,
            model.calibration.longest,
        )
        strange = self._beyond(hearing)
        return Verdict(
            genres=_ordered(hearing.genres, said),
            model_version=hearing.model_version,
            segments=hearing.segments,
            outside=strange.outside,
            suggested=strange.suggested,
            right=model.right(hearing, said),
        )

    def _beyond(self, hearing: HearingRow) -> Beyond:
        known = self.model().known
        if known is None or hearing.embedding is None:
            return Beyond(outside=0.0)
        return beyond(hearing.embedding, known, self._spread(known))

    def _spread(self, known: Known) -> Spread:
        """How the tags spread in this library; read anew when it has grown by a quarter."""
        heard = hearings.last_hearing_id(self._db)
        if self._spreads is None or self._spreads[0] is not known or heard > self._spreads[1]:
            recent = hearings.recent_embeddings(self._db, RECENT)
            self._spreads = (known, heard + heard // 4, library_spread(recent, known))
        return self._spreads[2]

    def _spelled(self, verdict: Verdict) -> Verdict:
        known = feedback_log.spellings(self._db)
        if not known:
            return verdict
        genres, suggested, parents = (
            tuple(replace(item, genre=spell(item.genre, known)) for item in items)
            for items in (verdict.genres, verdict.suggested, filter(None, [verdict.parent]))
        )
        parent = next(iter(parents), None)
        return replace(verdict, genres=genres, suggested=suggested, parent=parent)


def _known(manifest: Manifest) -> Known | None:
    """What the model knows of other genres; raises ModelError where that is incomplete."""
    held = registry.load_beyond(manifest)
    try:
        return None if held is None else Known.of(held)
    except KeyError as error:
        raise ModelError(
            f"what the model knows of other genres is incomplete ({error})", str(manifest.folder)
        ) from error


def hearing_row(hearing: "Hearing") -> HearingRow:
    """Return a hearing as the record keeps it, segments and all."""
    features = np.asarray(hearing.features, np.float32)
    count = len(features)
    summary = (
        np.stack([features.mean(axis=0), features.std(axis=0)])
        if count
        else np.zeros((2, features.shape[-1]), np.float32)
    )
    pooled = hearing.scores.mean(axis=1) if count else np.zeros((0, len(hearing.genres)))
    return HearingRow(
        fingerprint=hearing.fingerprint,
        feature_version=hearing.feature_version,
        model_version=hearing.model_version,
        genres=hearing.genres,
        segments=count,
        track_features=summary,
        pooled_scores=pooled.astype(np.float32),
        embedding=hearing.mean_embedding,
        tags=hearing.mean_tags,
        starts_s=hearing.starts_s,
        features=features,
        scores=hearing.scores,
    )


def _as_judged(row: VerdictRow) -> Verdict:
    """A verdict as it was kept."""
    genres = tuple(GenreConfidence(genre=genre, confidence=sure) for genre, sure in row.genres)
    return Verdict(genres=genres, model_version=row.model_version, segments=row.segments)


def verdict_row(fingerprint: str, verdict: Verdict) -> VerdictRow:
    """Return a verdict as the record keeps it."""
    return hearings.VerdictRow(
        fingerprint=fingerprint,
        model_version=verdict.model_version,
        genres=tuple((item.genre, round(item.confidence, 4)) for item in verdict.genres),
        evidence=verdict.evidence,
        segments=verdict.segments,
    )


def _surety(calibration: Calibration, folder: Path) -> Surety | None:
    if calibration.right is None:
        return None
    try:
        return Surety.of(calibration.right)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        what = f"what the model says of its own words is damaged ({error})"
        raise ModelError(what, str(folder), "use another version") from error


def _cases(evidence: Answers) -> Cases:
    return Cases(
        sure=np.array(evidence.sure, dtype=np.float64),
        right=np.array(evidence.right, dtype=bool),
        artist=np.array(evidence.artist, dtype=np.int64),
    )


def _ordered(genres: tuple[str, ...], values: NDArray[np.float64]) -> tuple[GenreConfidence, ...]:
    order = np.argsort(-values, kind="stable")
    return tuple(
        GenreConfidence(genre=genres[index], confidence=float(values[index])) for index in order
    )
