"""The head on the embedding: trained where each track has one, and left out where one lacks."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core import registry
from core.errors import TrainingError
from core.learning.ensemble.export import Paper, Trained, write_model
from core.learning.ensemble.fitting import Recipe, Studio, no_check
from core.learning.nets import networks
from core.learning.nightly import Night, Request, as_replayed, night
from core.learning.proving.gate import Outcome
from core.learning.tracks import dataset
from core.learning.tracks.dataset import Track
from core.learning.train import backbone_named, feature_groups, pooled_by, train

QUICK = Recipe(epochs=1, members=1, folds=3)
PAPER = Paper(version="test-2", created="2026-01-01T00:00:00+00:00", provenance="p", licence="l")
Embedded = Callable[..., tuple[Track, ...]]


def silent(_stage: str, _done: int, _total: int) -> None:
    """Report to nobody."""


def test_the_head_counts_more_than_the_others(rich_trained: Trained) -> None:
    """Its word comes last, and is heard, for here the embedding says more of the genre."""
    *others, head = rich_trained.ensemble.weights

    assert head > sum(others)
    assert rich_trained.accuracy.value > 0.9


def test_the_folder_says_which_backbone_it_needs(rich_dir: Path) -> None:
    """And which member judges the embedding; its tracks keep theirs."""
    manifest = registry.load(rich_dir)
    replay = dataset.from_replay(rich_dir)

    assert manifest.backbone == "abc"
    assert len(manifest.weights) == 3
    assert '"input": "embedding"' in (rich_dir / "manifest.json").read_text("utf-8")
    assert dataset.embeddings(replay.tracks) is not None


def test_the_exported_head_says_what_was_trained(rich_dir: Path, rich_trained: Trained) -> None:
    """Wild values are cut off in the graph as in training."""
    from core.analysis.runtime import Ensemble

    rng = np.random.default_rng(5)
    features = rng.normal(size=(3, 135)).astype(np.float32)
    embedding = rng.normal(0, 50, 200).astype(np.float32)
    wanted = rich_trained.ensemble.scores(features, np.repeat(embedding[None], 3, axis=0))

    assert np.allclose(Ensemble(rich_dir).score(features, embedding), wanted, atol=1e-3)


def test_one_track_without_embedding_leaves_the_head_out(
    some_tracks: tuple[Track, ...], embedded: Embedded
) -> None:
    """In every fold alike, else words out of fold would not be those of the model."""
    tracks = embedded(some_tracks)
    trained = train((replace(tracks[0], embedding=None), *tracks[1:]), QUICK, silent, no_check)

    assert trained.ensemble.head is None
    assert all(track.embedding is None for track in trained.tracks)


def test_scaling_never_sees_the_held_out(
    some_tracks: tuple[Track, ...], embedded: Embedded
) -> None:
    """The head of the others is the same, whatever the held-out embeddings are."""
    tracks = embedded(some_tracks)
    kept = tuple(t for t in tracks if not t.group.endswith("0"))
    studio = Studio(dataset.genres_of(tracks), feature_groups(), QUICK)

    head = studio.head(kept)

    assert head is not None
    raw = dataset.embeddings(kept)
    assert raw is not None
    assert np.allclose(head.centre, raw.mean(axis=0))
    assert np.abs(networks.scaled(raw * 1e6, head.centre, head.width)).max() == networks.WILD


def test_embeddings_of_an_unnamed_backbone_are_no_model(
    rich_trained: Trained, tmp_path: Path
) -> None:
    """A worker could not know whether its own fits."""
    with pytest.raises(TrainingError, match="which backbone"):
        write_model(rich_trained, PAPER, tmp_path)

    assert list(tmp_path.iterdir()) == []


def test_pooling_gives_each_track_its_own_embedding(rich_trained: Trained) -> None:
    """All in one go says the same as one by one."""
    some = rich_trained.tracks[::17]

    together = pooled_by(rich_trained.ensemble, some)

    alone = np.concatenate([pooled_by(rich_trained.ensemble, [track]) for track in some])
    assert np.allclose(together, alone, atol=1e-5)


def test_a_backbone_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    """With the remedy; "none" is none."""
    assert backbone_named("none") == (None, None)
    with pytest.raises(TrainingError, match="no whole backbone"):
        backbone_named(str(tmp_path))


# --- the night -------------------------------------------------------------------------------


def spend(champion: Path, said: tuple[Track, ...], version: str, **wishes: str) -> Night:
    """Spend a short night."""
    request = Request(
        champion=champion,
        out=champion.parent,
        version=version,
        created="2026-01-02",
        epochs=1,
        members=1,
        **wishes,  # type: ignore[arg-type]
    )
    return night(request, said, silent, no_check)


def labels(tracks: tuple[Track, ...]) -> tuple[Track, ...]:
    """Return *tracks* as a person's words on other files."""
    return tuple(
        replace(t, fingerprint=t.fingerprint[:16] + "f" * 16, group=f"user {t.group}")
        for t in tracks
    )


def test_a_night_keeps_the_head(rich_dir: Path, rich_trained: Trained) -> None:
    """A label that was heard without the backbone waits, and the night says so."""
    said = labels(rich_trained.tracks[::8])
    said = (replace(said[0], embedding=None), *said[1:])

    came = spend(rich_dir, said, "night-1", backbone="abc")

    assert came.outcome in (Outcome.PROMOTED, Outcome.REFUSED)
    assert came.notes == ("1 of 12 labelled tracks were heard without the backbone and must wait",)
    manifest = registry.load(rich_dir.parent / "night-1")
    assert manifest.backbone == "abc"
    assert said[0].fingerprint not in manifest.fingerprints
    assert said[1].fingerprint in manifest.fingerprints


def test_a_night_with_nothing_but_waiting_labels_is_skipped(
    rich_dir: Path, rich_trained: Trained
) -> None:
    """The reason is not that nobody spoke."""
    said = dataset.without_embeddings(labels(rich_trained.tracks[:2]))

    came = spend(rich_dir, said, "night-2", backbone="abc")

    assert (came.outcome, len(came.notes)) == (Outcome.SKIPPED, 1)
    assert came.reason == "nothing of what was said can be learned yet"


def test_a_champion_without_its_backbone_cannot_teach(
    rich_dir: Path, rich_trained: Trained
) -> None:
    """It could not be heard beside its challenger."""
    with pytest.raises(TrainingError, match="needs a backbone that is not here"):
        spend(rich_dir, labels(rich_trained.tracks[:2]), "night-3")


def test_a_plain_champion_makes_a_plain_challenger(model_dir: Path, rich_trained: Trained) -> None:
    """Whatever the labels were heard with: its replay has no embeddings."""
    kept, notes = as_replayed(rich_trained.tracks[:3], registry.load(model_dir))

    assert notes == ()
    assert dataset.embeddings(kept) is None
