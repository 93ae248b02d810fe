"""What training learns from: tracks with their segments, genre and artist group.

Three sources: a folder whose subdirectories are genres, a model's replay, people's labels
from the library. Here also stands the rule that no artist is on both sides of a split.
It decodes no audio itself (`hearing.py` does) and never makes up a label.
"""

import csv
import json
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from core.errors import TagError, TrainingError
from core.names import artist_key

__all__ = [
    "DOUBTED",
    "LABEL_WEIGHT",
    "LESSON_WEIGHT",
    "Label",
    "LeftOut",
    "Lesson",
    "Material",
    "Replay",
    "Sample",
    "Track",
    "apart",
    "dealt",
    "embeddings",
    "find_samples",
    "from_labels",
    "from_lessons",
    "from_replay",
    "genres_of",
    "group_numbers",
    "is_telling",
    "require_enough",
    "require_telling",
    "split_groups",
    "stacked",
    "weighed",
    "with_lessons",
    "without_embeddings",
]

# What a person says of their own accord counts twice as much as the collection. What answers a
# word of ours counts no more than that: corrections are the tracks on which the model is wrong, so
# a model that believes them most hears the rest worse. Wrong answers on artists not met (linear
# head, 20 simulated libraries of seeds that are not reported, each error corrected): model before
# 18.5 in 100; corrections counting once 17.8, twice 18.0, three times 19.3, six times 20.3.
LABEL_WEIGHT = 2.0
ANSWER_WEIGHT = 1.0
# What a tag said when the library was found is a shop's word as often as the person's: as in
# the memory, .3 of a person's. On libraries with one tag in twelve wrong, .6 was right as often
# as .3 and more often than 1 and 2.
LESSON_WEIGHT = 0.6
DOUBTED = 0.3  # times that, where all others speak against it
MIN_GROUPS = 2  # artists a genre needs, so that one can be held out
# What an evaluation needs: with fewer tracks an interval would be 35 points wide, with fewer
# artists it would say nothing, however many tracks each has.
TELLING_TRACKS, TELLING_ARTISTS = 30, 10


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Track:
    """One track to learn from; augmented copies belong to it and so to its artist."""

    fingerprint: str
    genre: str
    group: str  # whoever made it; tracks of one group are never on both sides of a split
    features: NDArray[np.float32]  # [n, 135], at least one segment
    copies: tuple[NDArray[np.float32], ...] = ()  # each [m, 135], used for fitting alone
    weight: float = 1.0
    labelled: bool = False  # this program's user said the genre
    fold: int = -1  # in which the model before held it out; -1: none
    embedding: NDArray[np.float32] | None = None  # [200], the backbone's, mean over patches
    unprompted: bool = False  # labelled, and chosen by nothing that the program had said
    taught: NDArray[np.float64] | None = None  # [G], what the model before says of it
    arrived: bool = False  # nobody here said the genre: it stood in the file of a tagged library


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A file of a sample folder, not yet heard."""

    path: str
    genre: str
    group: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """A file or genre that is not learned from, and why."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Material:
    """All tracks of one training, and what had to be left out."""

    tracks: tuple[Track, ...]
    left_out: tuple[LeftOut, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Replay:
    """What a model carries of its training: the tracks, and what it said of each unheard."""

    tracks: tuple[Track, ...]
    words: NDArray[np.float64]  # [tracks, its genres], out of fold, calibrated


class Label(Protocol):
    """A person's word on a track, as `core.library.hearings.labels` gives it."""

    @property
    def fingerprint(self) -> str:
        """The track."""

    @property
    def genre(self) -> str:
        """What the person said."""

    @property
    def group(self) -> str:
        """A key for the artist; empty where unknown."""

    @property
    def features(self) -> NDArray[np.float32]:
        """[n, 135]."""

    @property
    def embedding(self) -> NDArray[np.float32] | None:
        """[200]; None where the track was heard without a backbone."""


class Lesson(Label, Protocol):
    """What the tag of a library's file says, as `core.library.lessons.learned` gives it."""

    @property
    def doubted(self) -> bool:
        """Whether all others speak against it."""


# --- sources --------------------------------------------------------------------------------


def find_samples(root: Path, groups: Path | None = None) -> tuple[tuple[Sample, ...], str]:
    """Return the files under *root* (genre = subdirectory) and how their artists are known.

    *groups* is a CSV with the columns file and artist; file is a path relative to *root*,
    an absolute one, or a bare name that occurs once. Raises TrainingError.
    """
    files = [(genre, path) for genre in _genre_dirs(root) for path in _files(genre)]
    if not files:
        raise TrainingError(
            "there is nothing to learn from",
            str(root),
            "make one subdirectory for each genre and put its audio files there",
        )
    if groups is not None:
        artists = _artists_from_csv(groups, root, [path for _, path in files])
        note = f"artists of {len(artists)} of {len(files)} files from {groups.name}"
    else:
        artists = _artists_from_tags([path for _, path in files])
        note = f"artists of {len(artists)} of {len(files)} files from their tags"
    if len(artists) < len(files):
        note += "; every other file counts as an artist of its own, so the figures may flatter"
    samples = tuple(
        Sample(path=str(path), genre=genre.name, group=artists.get(path, f"file:{path}"))
        for genre, path in files
    )
    return samples, note


def _genre_dirs(root: Path) -> list[Path]:
    try:
        entries = sorted(root.iterdir())
    except OSError as error:
        raise TrainingError(
            f"the sample folder cannot be read ({error.strerror})", str(root), "name a readable one"
        ) from error
    return [entry for entry in entries if entry.is_dir() and not entry.name.startswith(".")]


def _files(genre: Path) -> list[Path]:
    found = (path for path in genre.rglob("*") if path.is_file())
    return sorted(path for path in found if not path.name.startswith("."))


def _artists_from_csv(table: Path, root: Path, files: Sequence[Path]) -> dict[Path, str]:
    named = _named(table)
    once = Counter(path.name for path in files)
    artists = {}
    for path in files:
        keys = [str(path), path.relative_to(root).as_posix()]
        keys += [path.name] if once[path.name] == 1 else []
        artist = next((named[key] for key in keys if named.get(key)), None)
        if artist:
            artists[path] = _group_of(artist)
    return artists


def _named(table: Path) -> dict[str, str]:
    """Read file → artist from the CSV *table*; raises TrainingError."""
    remedy = "give a CSV with the columns file and artist"
    try:
        with table.open(newline="", encoding="utf-8-sig") as lines:
            rows = csv.DictReader(lines)
            if not {"file", "artist"} <= set(rows.fieldnames or ()):
                raise TrainingError("the artists' columns are missing", str(table), remedy)
            return {row["file"]: (row["artist"] or "").strip() for row in rows}
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise TrainingError("the artists cannot be read", str(table), remedy) from error


def _artists_from_tags(files: Sequence[Path]) -> dict[Path, str]:
    """Read artists where the tags have them; a file whose tag cannot be read has none."""
    from core.tags import formats

    artists = {}
    for path in files:
        try:
            artist = getattr(formats.read(str(path)), "artist", None)
        except TagError:
            continue
        if artist:
            artists[path] = _group_of(artist)
    return artists


def _group_of(artist: str) -> str:
    """The group of an *artist*, however spelled; all that is nobody's in particular is one."""
    return f"artist:{artist_key(artist) or artist.strip().casefold()}"


def from_replay(model_dir: Path) -> Replay:
    """Return the training tracks that the model in *model_dir* carries; raises TrainingError."""
    try:
        genres = json.loads((model_dir / "manifest.json").read_text("utf-8"))["genres"]
        with np.load(model_dir / "replay.npz", allow_pickle=False) as replay:
            held = {name: replay[name] for name in replay.files}
        return _replay(held, genres)
    except (OSError, ValueError, KeyError, IndexError) as error:
        raise TrainingError(
            "the replay of the model cannot be read",
            str(model_dir),
            "reinstall the model or go back to another one",
        ) from error


def _replay(held: dict[str, NDArray[Any]], genres: Sequence[str]) -> Replay:
    count = len(held["genre"])
    ends = np.searchsorted(held["track"], np.arange(1, count))
    rows = np.split(held["features"].astype(np.float32), ends)
    labelled = held.get("labelled", np.zeros(count, dtype=bool))
    arrived = held.get("arrived", np.zeros(count, dtype=bool))
    fold = held.get("fold", np.full(count, -1))
    embedding = held.get("embedding")
    tracks = tuple(
        Track(
            fingerprint=held["fingerprint"][i].decode(),
            genre=genres[held["genre"][i]],
            group=f"replay:{held['group'][i]}",
            features=rows[i],
            labelled=bool(labelled[i]),
            arrived=bool(arrived[i]),
            fold=int(fold[i]),
            embedding=None if embedding is None else embedding[i].astype(np.float32),
        )
        for i in range(count)
    )
    return Replay(tracks=tracks, words=held["oof"].astype(np.float64))


def from_labels(
    labels: Sequence[Label], *, weight: float, unprompted: Collection[str] = ()
) -> tuple[Track, ...]:
    """Return people's labels as tracks; a track without a known artist is its own group.

    *unprompted* are the fingerprints of those that may say how good the model is.
    """
    return tuple(
        Track(
            fingerprint=label.fingerprint,
            genre=label.genre,
            group=label.group or f"track:{label.fingerprint}",
            features=np.asarray(label.features, dtype=np.float32),
            embedding=label.embedding,
            weight=weight,
            labelled=True,
            unprompted=label.fingerprint in unprompted,
        )
        for label in labels
        if len(label.features)
    )


def from_lessons(lessons: Sequence[Lesson]) -> tuple[Track, ...]:
    """Return what the tags of a library teach as tracks, the doubted ones with less weight."""
    return tuple(
        replace(
            track,
            weight=LESSON_WEIGHT * (DOUBTED if lesson.doubted else 1.0),
            labelled=False,
            arrived=True,
        )
        for lesson in lessons
        for track in from_labels([lesson], weight=LESSON_WEIGHT)
    )


def with_lessons(said: Sequence[Track], lessons: Sequence[Lesson]) -> tuple[Track, ...]:
    """Return what people *said*, and the *lessons* on tracks of which nobody said anything."""
    named = {track.fingerprint for track in said}
    return (*said, *(t for t in from_lessons(lessons) if t.fingerprint not in named))


def weighed(said: Sequence[Track], doubtful: Collection[str] = ()) -> tuple[Track, ...]:
    """Return what people *said* with the weight that each word has in training.

    Words of an artist share: n of them weigh as much as the square root of n. *doubtful* are
    the fingerprints of those that contradict each other.
    """
    many = Counter(track.group for track in said)
    return tuple(replace(track, weight=_weight(track, many, doubtful)) for track in said)


def _weight(track: Track, many: Mapping[str, int], doubtful: Collection[str]) -> float:
    word = LABEL_WEIGHT if track.unprompted else ANSWER_WEIGHT
    doubt = DOUBTED if track.fingerprint in doubtful else 1.0
    return word * doubt / float(np.sqrt(many[track.group]))


# --- rules ----------------------------------------------------------------------------------


def genres_of(tracks: Sequence[Track]) -> tuple[str, ...]:
    """Return the genres of *tracks* in order of name."""
    return tuple(sorted({track.genre for track in tracks}))


def embeddings(tracks: Sequence[Track]) -> NDArray[np.float32] | None:
    """Return the embeddings [tracks, 200], None unless each track has one."""
    known = [track.embedding for track in tracks if track.embedding is not None]
    return np.stack(known) if known and len(known) == len(tracks) else None


def stacked(
    tracks: Sequence[Track],
) -> tuple[NDArray[np.float32], NDArray[np.float32] | None, NDArray[np.int64]]:
    """Return all segments' features [n, 135], of each its track's embedding [n, 200] if any.

    And how many segments each track has [tracks].
    """
    known = embeddings(tracks)
    counts = np.array([len(track.features) for track in tracks], dtype=np.int64)
    each = None if known is None else np.repeat(known, counts, axis=0)
    return np.concatenate([track.features for track in tracks]), each, counts


def without_embeddings(tracks: Sequence[Track]) -> tuple[Track, ...]:
    """Return *tracks* as if they had been heard without a backbone."""
    return tuple(replace(track, embedding=None) for track in tracks)


def group_numbers(tracks: Sequence[Track]) -> NDArray[np.int32]:
    """Number the groups [tracks] in order of first sight: all that a model may keep of them."""
    numbers: dict[str, int] = {}
    return np.array([numbers.setdefault(t.group, len(numbers)) for t in tracks], dtype=np.int32)


def require_enough(tracks: Sequence[Track | Sample]) -> None:
    """Raise TrainingError unless there are two genres with two groups each."""
    groups: dict[str, set[str]] = defaultdict(set)
    for track in tracks:
        groups[track.genre].add(track.group)
    if len(groups) < MIN_GROUPS:
        raise TrainingError(
            f"{len(groups)} genre is too few to tell apart" if groups else "no file could be heard",
            remedy="give at least two subdirectories with audio that can be played",
        )
    poor = sorted(genre for genre, names in groups.items() if len(names) < MIN_GROUPS)
    if poor:
        raise TrainingError(
            f"only one artist in {', '.join(poor)}, so nothing can be held out to check",
            remedy="add files of at least one more artist, or leave the genre out",
        )


def is_telling(tracks: Sequence[Track | Sample]) -> bool:
    """Say whether *tracks* are enough, of enough artists, to evaluate anything on."""
    artists = {track.group for track in tracks}
    return len(tracks) >= TELLING_TRACKS and len(artists) >= TELLING_ARTISTS


def require_telling(tracks: Sequence[Track | Sample]) -> None:
    """Raise TrainingError where *tracks* or their artists are too few to evaluate anything on."""
    counts = {
        "labelled tracks": (len(tracks), TELLING_TRACKS),
        "artists": (len({track.group for track in tracks}), TELLING_ARTISTS),
    }
    for name, (there, needed) in counts.items():
        if there < needed:
            raise TrainingError(
                f"too few {name} to say anything: {there} of {needed}",
                remedy="correct or confirm genres (`genrewatch review`), let it learn from a tagged"
                " library (`genrewatch learn DIR`), or name a folder of samples"
                " (`genrewatch evaluate --sample-dir DIR`)",
            )


def dealt(tracks: Sequence[Track], *, most: int, seed: int) -> NDArray[np.int64]:
    """Return a fold [tracks] for each track, in which models of a night leave it out.

    There are at most *most*, or as many as the model before had: its tracks stay where it held
    them out.
    """
    before = max(track.fold for track in tracks) + 1
    parts = max(before, min(most, int(group_numbers(tracks).max()) + 1))
    return split_groups(tracks, folds=parts, seed=seed, keep=True)


def split_groups(
    tracks: Sequence[Track], *, folds: int, seed: int, keep: bool = False
) -> NDArray[np.int64]:
    """Return a fold [tracks] for each track: no group in two folds, genres spread evenly.

    Groups are dealt from the largest to the smallest, each into the fold where its genres
    are rarest so far; equals are dealt at random. With *keep*, groups that a model before
    held out in a fold stay there, so that its words and new ones can be compared in pairs.
    """
    genres = {genre: i for i, genre in enumerate(genres_of(tracks))}
    groups = group_numbers(tracks)
    table = np.zeros((int(groups.max()) + 1, len(genres)))  # group x genre
    np.add.at(table, (groups, np.array([genres[t.genre] for t in tracks])), 1.0)
    share = table / table.sum(axis=0)
    fold_of = _folds_before(tracks, groups) if keep else np.full(len(share), -1)
    full = np.zeros((folds, len(genres)))
    for group in np.flatnonzero(fold_of >= 0):
        full[fold_of[group]] += share[group]
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(share))
    order = order[np.argsort(-share[order].sum(axis=1), kind="stable")]
    for group in order[fold_of[order] < 0]:
        crowding = full @ (share[group] > 0) + 1e-3 * full.sum(axis=1)
        fold = rng.permutation(folds)
        fold_of[group] = fold[np.argmin(crowding[fold])]
        full[fold_of[group]] += share[group]
    return np.asarray(fold_of[groups], dtype=np.int64)


def _folds_before(tracks: Sequence[Track], groups: NDArray[np.int32]) -> NDArray[np.int64]:
    """[groups]: the fold of a group's first track that has one, else -1."""
    before = np.full(int(groups.max()) + 1, -1)
    for track, group in zip(tracks, groups, strict=True):
        if before[group] < 0:
            before[group] = track.fold
    return before


def apart(
    tracks: Sequence[Track], held: NDArray[np.bool_]
) -> tuple[tuple[Track, ...], tuple[Track, ...]]:
    """Split *tracks* into those not *held* and those *held* [tracks].

    Raises TrainingError if a group or a fingerprint would be on both sides, or one is empty.
    """
    kept = tuple(track for track, out in zip(tracks, held, strict=True) if not out)
    out = tuple(track for track, out in zip(tracks, held, strict=True) if out)
    shared = {t.group for t in kept} & {t.group for t in out}
    same = {t.fingerprint for t in kept} & {t.fingerprint for t in out}
    if shared or same:
        raise TrainingError("an artist or a track stands on both sides of a split")
    if not kept or not out:
        raise TrainingError(
            "too few artists to hold some out", remedy="add files of more artists to each genre"
        )
    return kept, out
