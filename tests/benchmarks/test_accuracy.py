"""The accuracy benchmark: what it keeps, what it refuses, and its short form."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks import accuracy
from benchmarks.__main__ import names
from benchmarks.accuracy import disturbed, fits, nested, odd, patches
from benchmarks.accuracy.bench import Bench
from benchmarks.accuracy.fits import KeptStudio, without_folds
from benchmarks.accuracy.hearings import identity
from benchmarks.accuracy.made_up import made_up, quick
from benchmarks.accuracy.packing import pack, unpack
from benchmarks.accuracy.store import Store, source_of
from core.errors import TrainingError
from core.learning.ensemble.fitting import Studio
from core.learning.tracks.augment import EFFECTS
from core.learning.tracks.dataset import stacked, without_embeddings
from core.learning.train import feature_groups


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """Made-up excerpts, whose fits are kept for all tests here."""
    return made_up(Store(tmp_path_factory.mktemp("kept")), quick())


def test_a_result_is_made_once(tmp_path: Path) -> None:
    """Another run reads it, be it arrays or JSON, and a fresh one makes it anew, once."""
    made: list[str] = []

    def arrays() -> dict[str, np.ndarray]:
        made.append("arrays")
        return {"a": np.arange(3)}

    def plain() -> dict[str, float]:
        made.append("plain")
        return {"b": 0.1}

    for store in (Store(tmp_path), Store(tmp_path), Store(tmp_path, fresh=True)):
        for _ in range(2):
            assert store.kept("x", arrays)["a"].tolist() == [0, 1, 2]
            assert store.kept("y", plain) == {"b": 0.1}
    assert made == ["arrays", "plain"] * 2
    assert not list(tmp_path.glob(".*"))


def test_a_result_goes_by_arguments_and_code(tmp_path: Path) -> None:
    """Another key or another source is another result."""
    store = Store(tmp_path)
    said = [
        store.kept("one", lambda: [1]),
        store.kept("two", lambda: [2]),
        store.kept("one", lambda: [3], code=("core.taxonomy",)),
    ]

    assert said == [[1], [2], [3]]


def test_the_source_is_that_of_all_that_is_imported() -> None:
    """Also of what a function imports; and of nothing that the module does not reach."""
    assert source_of(("core.learning.ensemble.fitting",)) != source_of(
        ("core.learning.nets.networks",)
    )
    assert source_of(("core.taxonomy", "core.errors")) != source_of(("core.taxonomy",))
    assert source_of(("core.learning.tracks.hearing", "core.analysis.features")) == source_of(
        ("core.learning.tracks.hearing", "core.analysis.features", "core.analysis.decode")
    )


def test_what_was_cut_off_is_not_read(tmp_path: Path) -> None:
    """A run that died while it wrote leaves no result behind."""

    def dies() -> list[int]:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Store(tmp_path).kept("x", dies)
    assert Store(tmp_path).kept("x", lambda: [1]) == [1]


def test_tracks_come_back_to_the_bit(bench: Bench) -> None:
    """With copies, embedding and all else that they carry."""
    back = unpack(pack(bench.tracks))

    assert identity(back) == identity(bench.tracks)
    assert back[0].copies[0].dtype == np.float32
    assert identity(back[1:]) != identity(back)


def test_collections_come_back_as_what_they_were() -> None:
    """Whatever a result holds: lists stay lists, sets are sets again, numbers stay keys."""
    held = {1: frozenset({"b", "a"}), 2: [1, 2.5], "c": (None, True)}

    assert unpack(pack(held)) == held


def test_only_our_own_classes_are_made() -> None:
    """What lies on disk names classes, and none but dataclasses of the program are taken."""
    outline = np.array('{"class": "subprocess:Popen", "fields": {"args": "true"}}')

    with pytest.raises(ValueError, match="no dataclass of the program"):
        unpack({"outline": outline})


def test_a_kept_ensemble_says_the_same(bench: Bench) -> None:
    """Of tracks that it meets later, too, unless it knows their artist."""
    fit, places = without_folds(bench, 0), np.flatnonzero(bench.folds == 0)
    tracks = [bench.tracks[i] for i in places]

    assert np.allclose(fit.of(tracks), fit.words(places), atol=1e-5)
    assert np.allclose(fit.of(tracks, plain=True), fit.words(places, plain=True), atol=1e-5)
    with pytest.raises(TrainingError):
        fit.of(bench.tracks)


def test_nobody_is_judged_by_a_model_that_knows_the_artist(bench: Bench) -> None:
    """A fit answers about the artists that it was kept from, and about no others."""
    fit = without_folds(bench, 0)

    assert fit.words(np.flatnonzero(bench.folds == 0)).shape == (18, 3)
    with pytest.raises(TrainingError):
        fit.words(np.flatnonzero(bench.folds == 1))


def test_members_that_judge_embeddings_can_be_left_out(bench: Bench) -> None:
    """Then the words are those of a model that never had one."""
    fit, places = without_folds(bench, 0), np.flatnonzero(bench.folds == 0)

    assert fit.rich.tolist() == [False, True]
    alone = fit.words(places, np.array([1.0, 0.0]))
    assert np.array_equal(fit.words(places, plain=True), alone)
    assert not np.allclose(fit.words(places), alone)


def test_the_kept_studio_trains_what_the_program_would(bench: Bench) -> None:
    """Without embeddings nobody judges them; a kind without a share is left out."""
    tracks = [track for track, fold in zip(bench.tracks, bench.folds, strict=True) if fold]
    plain = without_embeddings(tracks)
    own = Studio(bench.genres, feature_groups(), bench.recipe, bench.tags).train(plain)

    kept = KeptStudio(bench).train(plain)
    head = KeptStudio(bench).train(tracks, shares={"linear": 0.0, "embedding": 1.0})

    assert kept.kinds == own.kinds == ("linear",)
    assert np.allclose(kept.scores(*stacked(plain)), own.scores(*stacked(plain)))
    assert head.kinds == ("embedding",)


def test_no_fit_behind_a_figure_knows_the_fold(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the model that judges an outer fold, nor those that its choices rest on."""
    learned: list[np.ndarray] = []

    def seen(asked: Bench, kept: np.ndarray) -> fits.Fit:
        learned.append(kept)
        return fit(asked, kept)

    fit = fits.fit
    monkeypatch.setattr(fits, "fit", seen)
    nested.model(replace(bench, store=Store(tmp_path)), 1, rich=True)

    assert len(learned) == 3
    assert not any(kept[bench.folds == 1].any() for kept in learned)


def test_what_is_said_of_all_is_what_each_model_says(bench: Bench) -> None:
    """Pooled over the folds; caution writes no more than the promise does."""
    judged, mine = nested.nested(bench, rich=True), bench.folds == 2
    alone = nested.said(
        nested.model(bench, 2, rich=True), [bench.tracks[i] for i in mine.nonzero()[0]]
    )

    assert np.allclose(judged.words[mine], alone.words)
    assert np.allclose(judged.words.sum(axis=1), 1)
    assert not (judged.cautious & ~judged.written).any()


def test_the_short_form_fills_every_row(bench: Bench) -> None:
    """Each room of rows runs on made-up excerpts and says of each figure what it must be."""
    figures = accuracy.measure(bench, tuple(accuracy.ROWS))

    assert set(accuracy.ROWS) < set(figures)
    assert all(figures[name] for name in accuracy.ROWS)
    assert figures["passed"] is not bool(figures["missed"])


@pytest.mark.parametrize("kind", odd.NOISES)
def test_a_noise_is_the_same_each_time(kind: str) -> None:
    """By its seed; it is heard, and no number in it is none."""
    made = [odd.NOISES[kind](odd.RATE, np.random.default_rng(seed)) for seed in (1, 1, 2)]

    assert np.array_equal(made[0], made[1])
    assert not np.array_equal(made[0], made[2])
    assert all(np.isfinite(samples).all() and samples.std() > 0 for samples in made)


def test_flips_are_counted_by_where_they_go(bench: Bench) -> None:
    """A changed answer is a flip; it goes to the favoured where it was not there before."""
    said = disturbed.Said(
        clean=np.array([0, 0, 1, 2]), disturbed={"drive 12 dB": np.array([0, 1, 2, 1])}
    )
    flips, towards = disturbed._flips(said, "drive 12 dB", np.array([False, True, True]))

    assert flips.tolist() == [0, 1, 1, 1]
    assert towards.tolist() == [0, 1, 0, 0]


def test_the_model_without_augmentation_met_no_copy(bench: Bench) -> None:
    """All else is the same; so a fit of it is another one."""
    bare = disturbed._without_copies(bench)

    assert not any(track.copies for track in bare.tracks)
    assert bare.identity != bench.identity
    assert np.array_equal(bare.truth, bench.truth)


@pytest.mark.parametrize("name", disturbed.WAYS)
def test_each_disturbance_is_an_effect_of_the_augmenter(name: str) -> None:
    """And does something to sound."""
    way = disturbed.WAYS[name]
    sound = 0.1 * np.random.default_rng(0).standard_normal(11_025).astype(np.float32)

    assert way.effect in {effect.name for effect in EFFECTS}
    heard = way.apply(sound)
    assert np.isfinite(heard).all()
    assert len(heard) != len(sound) or not np.allclose(heard, sound, atol=1e-3)


def test_there_are_enough_odd_sounds() -> None:
    """A hundred of each at least, by five voices at least."""
    assert len(odd.VOICES) >= 5
    assert len(odd.VOICES) * odd.EACH_VOICE >= 100
    assert len(odd.NOISES) * odd.EACH_NOISE >= 100


def test_what_is_missed_is_named() -> None:
    """However deep it stands."""
    figures = {"P1": {"a": {"met": True}, "b": {"met": False}}, "P2": {"c": {"d": {"met": False}}}}

    assert accuracy.missed(figures) == ["P1, b", "P2, c, d"]


def test_it_is_found_by_name() -> None:
    """A benchmark may be a module or a package."""
    assert {"accuracy", "features", "p1"} <= set(names())


def test_patches_are_judged_by_heads_that_know_not_the_artist(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With every patch, pieces and whole tracks are judged as by their mean embedding."""
    longs = np.flatnonzero(~bench.short)
    mean, listed = bench.embedding, SimpleNamespace(sample=SimpleNamespace(path="a"))
    assert mean is not None
    monkeypatch.setattr(patches, "pieces", lambda _: [listed] * len(bench.tracks))
    monkeypatch.setattr(patches, "_heard", lambda *_: [mean[i : i + 1] for i in longs])

    found = patches.rows(replace(bench, data=tmp_path, folder="somewhere"))

    last = found[f"{patches.COUNTS[-1]} of at most 24"]
    assert len(found) == len(patches.COUNTS)
    assert last["n"] == len(longs)
    assert last["difference"]["value"] == 0
    assert last["whole tracks"]["mean distance"] == 0


def test_without_audio_there_are_no_rows_of_patches(bench: Bench) -> None:
    """Made-up excerpts have nothing to be heard anew."""
    assert set(patches.rows(bench)) == {"none"}
