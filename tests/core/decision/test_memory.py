"""What people said takes effect at once."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sqlite_utils import Database

from core.decision import memory
from core.decision.memory import KAPPA, WEIGHT, Counts, Evidence
from core.decision.verdict import GenreConfidence, Verdict
from core.library.evidence import Voiced
from core.library.feedback_log import FeedbackRow, record_feedback
from core.library.files import mark_gone, remember_track, save_file
from core.library.hearings import HearingRow, VerdictRow, save_hearing, save_verdict
from core.library.schema import open_library
from core.names import keys_of
from core.taxonomy import fold
from tests.factories import NOON, file_row


@pytest.fixture
def db(tmp_path: Path) -> Database:
    return open_library(tmp_path / "library.db")


VERDICT = Verdict(
    genres=(
        GenreConfidence(genre="Rock", confidence=0.7),
        GenreConfidence(genre="Jazz", confidence=0.3),
    ),
    model_version="m",
    segments=1,
)


def say(db: Database, fingerprint: str, kind: str, *new: str, old: str = "Rock", **whose: object):
    row = FeedbackRow(
        path=f"/m/{fingerprint}.mp3",
        fingerprint=fingerprint,
        kind=kind,
        old=(old,),
        new=new,
        via="retag",
        **whose,  # type: ignore[arg-type]
    )
    record_feedback(db, row, NOON)


def lie(
    db: Database,
    fingerprint: str,
    genre: str,
    origin: str,
    *,
    state: str = "tagged",
    sure: float = 0.9,
    **whose: object,
) -> None:
    """Let a file of the track lie there with this genre, or none and the guess that it is Jazz."""
    remember_track(db, fingerprint, 60.0, NOON)
    row = file_row(
        f"/m/{fingerprint}.mp3",
        fingerprint=fingerprint,
        genres=(genre,) if genre else (),
        origin=origin,
        state=state,
        **whose,
    )
    save_file(db, row, NOON)
    guess = VerdictRow(
        fingerprint=fingerprint,
        model_version="m",
        genres=((genre or "Jazz", sure),),
        evidence="model",
        segments=1,
    )
    save_verdict(db, guess, NOON)


def named(verdict: Verdict) -> dict[str, float]:
    """Return the verdict's confidences by genre."""
    return {item.genre: item.confidence for item in verdict.genres}


def blended(db: Database, fingerprint: str = "new", **whose: object) -> Verdict:
    keys = keys_of(**{"artist": None, **whose})  # type: ignore[arg-type]
    return memory.blend(VERDICT, memory.recall(db, fingerprint, keys))


def test_the_word_on_this_very_track_is_certain(db: Database) -> None:
    """The latest word wins."""
    say(db, "f1", "correction", "Pop")
    say(db, "f1", "label", "Jazz", old="Pop")

    assert blended(db, "f1").genres == (GenreConfidence(genre="Jazz", confidence=1.0),)


def test_an_artist_seen_once_pulls_the_next_file_their_way(db: Database) -> None:
    """p = (n_c + kappa p_model) / (n + kappa)."""
    say(db, "f1", "correction", "Jazz", artist="Ann")

    best = blended(db, artist="Ann").best

    assert best is not None
    assert best.genre == "Jazz"
    assert best.confidence == pytest.approx((1 + KAPPA * 0.3) / (1 + KAPPA))


def test_an_artist_is_known_in_every_spelling(db: Database) -> None:
    """Case, accents, articles and guests make no new artist."""
    say(db, "f1", "correction", "Jazz", artist="The Änn feat. Bob")

    assert blended(db, artist="ANN").evidence == "artist and model"


def test_an_artist_of_two_genres_is_decided_by_the_model(db: Database) -> None:
    """Where people's words are even, the model's word tips the scale."""
    say(db, "f1", "correction", "Jazz", artist="Ann")
    say(db, "f2", "correction", "Rock", old="Jazz", artist="Ann")

    best = blended(db, artist="Ann").best

    assert best is not None
    assert best.genre == "Rock"
    assert best.confidence < 0.7


def test_the_album_has_more_authority_than_the_artist(db: Database) -> None:
    """Two jazz albums do not make the third one jazz."""
    say(db, "f1", "correction", "Jazz", artist="Ann", album="One")
    say(db, "f2", "correction", "Jazz", artist="Ann", album="One")
    say(db, "f3", "label", "Pop", artist="Ann", album="Two")

    found = blended(db, artist="Ann", album="Two")

    assert found.genres[0].genre == "Pop"
    assert found.evidence == "album and model"


def test_our_own_tags_on_an_album_do_not_outvote_a_word_on_the_artist(db: Database) -> None:
    """What we wrote on two of its tracks counts once, and less than what a person said."""
    say(db, "other", "correction", "Jazz", artist="Miles", album="B")
    for track in "ab":
        lie(db, track, "Rock", "ours", artist="Miles", album="A")

    verdict = blended(db, artist="Miles", album="A")

    assert verdict.best is not None
    assert verdict.best.genre == "Jazz"


def test_the_composer_has_more_authority_than_the_artist(db: Database) -> None:
    """An orchestra plays film music and Bach."""
    for number in range(3):
        say(db, f"s{number}", "label", "Soundtrack", artist="Orchestra", composer="Zimmer")
    say(db, "b", "label", "Classical", artist="Orchestra", composer="Bach")

    best = blended(db, artist="Orchestra", composer="Bach").best

    assert best is not None
    assert best.genre == "Classical"


@pytest.mark.parametrize(
    "whose",
    [
        {"artist": "Various Artists"},
        {"artist": "Ann", "compilation": True},
        {"artist": "Ann", "album_artist": "Various Artists", "album": "Hits"},
    ],
)
def test_compilations_carry_no_artist_evidence(db: Database, whose: dict[str, object]) -> None:
    """Various artists are no artist, and a label's choice is no artist's album."""
    say(db, "f1", "correction", "Jazz", **whose)

    assert blended(db, **whose) == VERDICT


def test_an_uncorrected_tag_of_ours_is_a_whisper(db: Database) -> None:
    """It says less than a person, makes us no surer, and nothing once a person spoke of it."""
    lie(db, "f1", "Jazz", "ours", artist="Ann")
    whisper = blended(db, artist="Ann")

    assert WEIGHT["ours"] < KAPPA < WEIGHT["person"]
    assert named(whisper)["Jazz"] == pytest.approx(
        (WEIGHT["ours"] + KAPPA * 0.3) / (WEIGHT["ours"] + KAPPA)
    )
    assert whisper.sure == pytest.approx(0.3)
    say(db, "f1", "correction", "Pop", old="Jazz", artist="Ann")
    assert blended(db, artist="Ann").genres[0].genre == "Pop"


@pytest.mark.parametrize("origin", ["ours", "arrived", "none"])
def test_a_file_that_is_gone_whispers_no_more(db: Database, origin: str) -> None:
    """Only a person's word is about the music itself, and outlives its files."""
    genre, state = ("", "not_sure") if origin == "none" else ("Jazz", "tagged")
    lie(db, "f1", genre, origin, state=state, artist="Ann")
    assert blended(db, artist="Ann").evidence == "artist and model"

    mark_gone(db, ["/m/f1.mp3"], NOON)
    assert blended(db, artist="Ann").evidence == "model"
    say(db, "f1", "label", "Jazz", artist="Ann")
    assert blended(db, artist="Ann").evidence == "artist and model"


def test_a_guess_that_was_not_written_whispers_by_how_sure_it_is(db: Database) -> None:
    """What is heard of an artist's other tracks counts for the next, written or not."""
    lie(db, "f1", "", "none", artist="Ann", state="not_sure", sure=0.5)
    heard = blended(db, artist="Ann")

    weight = 0.5 * WEIGHT["guess"]
    assert named(heard)["Jazz"] == pytest.approx((weight + KAPPA * 0.3) / (weight + KAPPA))
    assert heard.best is not None
    assert heard.best.genre == "Rock"
    assert heard.sure < 0.7  # another track of the artist was heard otherwise


def test_our_own_words_never_make_us_surer(db: Database) -> None:
    """Else we would come to believe what we said often enough."""
    for number in range(20):
        lie(db, f"f{number}", "Rock", "ours", artist="Ann")

    assert blended(db, artist="Ann").sure == pytest.approx(0.7)
    doubted = replace(VERDICT, right=0.5)
    known = memory.recall(db, "new", keys_of(artist="Ann"))
    assert memory.blend(doubted, known).sure == pytest.approx(0.5)


def test_a_person_makes_us_surer_of_what_the_model_says(db: Database) -> None:
    """From the chance that the model's first genre is right on, as of the genres themselves."""
    say(db, "f1", "label", "Rock", artist="Ann")
    heard = memory.blend(
        replace(VERDICT, right=0.9), memory.recall(db, "new", keys_of(artist="Ann"))
    )

    assert heard.right == pytest.approx((1 + KAPPA * 0.9) / (1 + KAPPA))


def test_what_sounds_alike_makes_us_no_surer() -> None:
    """The model has heard that already."""
    near = Evidence(neighbours=Counts(said={"rock": 3.0, "jazz": 1.0}))

    assert memory.blend(replace(VERDICT, right=0.9), near).right == pytest.approx(0.9)


def test_a_broad_store_genre_says_nothing_of_the_artist(db: Database) -> None:
    """What came with the file is weak, and "Alternative" is no evidence at all."""
    lie(db, "f1", "Alternative", "arrived", artist="Ann")
    broad = frozenset((fold("Alternative"),))

    assert not memory.recall(db, "new", keys_of(artist="Ann"), broad=broad).artist
    assert memory.recall(db, "new", keys_of(artist="Ann")).artist == Counts(
        said={"alternative": WEIGHT["arrived"]}
    )


def test_not_this_weighs_against_a_genre_for_the_album(db: Database) -> None:
    """What is taken from it goes to no other genre: we are no surer of those."""
    say(db, "f1", "rejection", old="Rock", artist="Ann", album="One")

    found = {item.genre: item.confidence for item in blended(db, artist="Ann", album="One").genres}

    assert found["Jazz"] == pytest.approx(0.3)
    assert found["Rock"] < 0.3


def test_a_neighbour_speaks_by_its_closeness() -> None:
    """The same sound counts whole, a far one not at all; the track itself is no neighbour."""
    heard = np.array([1.0, 0.0], np.float32)
    others = Voiced(
        fingerprints=("close", "far", "self", "not this"),
        genres=("Jazz", "Pop", "Metal", "Rock"),
        refused=(False, False, False, True),
        heard=np.array([[2, 0], [0, 1], [1, 0], [3, 0]], np.float32),
        of_one_act=np.ones(4, np.float32),
    )

    near, spelled = memory.neighbours(heard, others, but="self")
    found = memory.blend(VERDICT, Evidence(neighbours=near, spelled=spelled))

    assert near == Counts(said={"jazz": pytest.approx(1.0)}, refused={"rock": pytest.approx(1.0)})
    assert found.best is not None
    assert found.best.genre == "Jazz"
    assert found.evidence == "neighbours and model"


def test_who_was_not_heard_has_no_neighbours() -> None:
    """Without a backbone, or before anybody said anything, the memory goes on without them."""
    nobody = Voiced(
        fingerprints=(),
        genres=(),
        refused=(),
        heard=np.zeros((0, 0), np.float32),
        of_one_act=np.zeros(0, np.float32),
    )

    assert memory.neighbours(None, nobody, but="") == (Counts(), {})
    assert memory.neighbours(np.ones(3, np.float32), nobody, but="") == (Counts(), {})


def test_a_rejected_genre_is_remembered_until_taken_back(db: Database) -> None:
    """Not this: neither after a cleared tag nor after a correction."""
    say(db, "f1", "rejection", old="Rock")
    say(db, "f2", "correction", "Rock", old="Pop")

    assert memory.rejected_genres(db, "f1") == {fold("Rock")}
    assert memory.rejected_genres(db, "f2") == {fold("Pop")}
    say(db, "f1", "label", "Rock")
    assert memory.rejected_genres(db, "f1") == frozenset()


STRANGE = replace(VERDICT, outside=0.9, suggested=(GenreConfidence(genre="House", confidence=0.6),))


def test_a_persons_word_settles_that_it_is_no_stranger() -> None:
    """Nothing is left to suggest for this track."""
    blended = memory.blend(STRANGE, Evidence(track="House"))

    assert (blended.outside, blended.suggested) == (0.0, ())


def test_words_on_the_artist_outweigh_the_models_doubt() -> None:
    """The doubt counts as much as the rest of what the model says: kappa / (n + kappa)."""
    said = Evidence(artist=Counts(said={fold("House"): 1.0}))

    blended = memory.blend(STRANGE, said)

    assert blended.outside == pytest.approx(0.9 * KAPPA / (1 + KAPPA))
    assert fold("house") in {fold(item.genre) for item in blended.genres}
    assert not blended.suggested


def test_a_refused_genre_is_not_suggested() -> None:
    """Not among the learned ones, nor beyond them."""
    assert not memory.without(STRANGE, frozenset({fold("house")})).suggested


def test_not_this_reaches_its_album_and_what_sounds_the_same(db: Database) -> None:
    """Not the artist's other albums: one refusal is no word on all that they made."""
    say(db, "f1", "rejection", old="Rock", artist="Ann", album="One")

    assert blended(db, artist="Ann", album="Two").genres == VERDICT.genres
    assert blended(db, artist="Ann", album="One").genres[0].genre == "Jazz"


def test_one_refusal_leaves_a_genre_to_forty_tracks_around(db: Database) -> None:
    """Of a learned genre a refusal is for what sounds nearly the same."""
    angles = np.linspace(0.0, 1.2, 41)
    sounds = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    refused = Voiced(
        fingerprints=("refused",),
        genres=("Rock",),
        refused=(True,),
        heard=sounds[:1],
        of_one_act=np.ones(1, np.float32),
    )

    kept = [
        memory.blend(VERDICT, Evidence(neighbours=near)).genres[0]
        for sound in sounds
        for near, _ in [memory.neighbours(sound, refused, but="", learned={"Rock"})]
    ]

    confidences = [item.confidence if item.genre == "Rock" else 0.0 for item in kept]
    assert confidences[0] == pytest.approx(0.35)
    assert sum(confidence == 0.7 for confidence in confidences) > 20


def test_neighbours_of_a_learned_genre_must_be_close() -> None:
    """The model knows better what is of it; of the person's own genre they alone speak."""
    heard, other = np.array([1.0, 0.0], np.float32), np.array([[0.75, 0.66]], np.float32)
    voiced = Voiced(
        fingerprints=("other",),
        genres=("Jazz",),
        refused=(False,),
        heard=other,
        of_one_act=np.ones(1, np.float32),
    )

    assert memory.neighbours(heard, voiced, but="", learned={"Jazz"})[0] == Counts()
    assert memory.neighbours(heard, voiced, but="")[0].said["jazz"] > 0.2


def test_the_model_decides_between_an_artists_genres(db: Database) -> None:
    """Not the count of what was said: two rock files and one of jazz, but this sounds like jazz."""
    say(db, "f1", "label", "Rock", old="Pop", artist="Ann")
    say(db, "f2", "label", "Rock", old="Pop", artist="Ann")
    say(db, "f3", "label", "Jazz", old="Pop", artist="Ann")
    genres = (
        GenreConfidence(genre="Jazz", confidence=0.97),
        GenreConfidence(genre="Rock", confidence=0.03),
    )

    found = memory.blend(
        replace(VERDICT, genres=genres), memory.recall(db, "new", keys_of(artist="Ann"))
    )

    assert found.genres[0].genre == "Jazz"


def test_a_genre_that_the_model_has_not_learned_is_not_heard_against() -> None:
    """It neither gains nor loses by what the model hears, having no word for it."""
    said = Evidence(artist=Counts(said={"zydeco": 2.0, "rock": 1.0}))

    found = memory.blend(VERDICT, said)

    shares = {fold(item.genre): item.confidence for item in found.genres}
    assert shares["zydeco"] == pytest.approx(2.0 / (3.0 + KAPPA))


def hearing(name: str, embedding: np.ndarray) -> HearingRow:
    return HearingRow(
        fingerprint=name,
        feature_version=1,
        model_version="m",
        genres=("Rock", "Jazz"),
        segments=1,
        track_features=np.zeros((2, 135), np.float32),
        pooled_scores=np.zeros((1, 2), np.float32),
        embedding=embedding,
    )


def test_where_words_on_an_artist_differ_those_on_alike_tracks_say_more(db: Database) -> None:
    """All of them only where nothing is known of how the track sounds."""
    loud, calm = np.eye(200, dtype=np.float32)[:2]
    for name, genre, sound in (("f1", "Rock", loud), ("f2", "Jazz", calm), ("f3", "Jazz", calm)):
        remember_track(db, name, 60.0, NOON)
        save_hearing(db, hearing(name, sound))
        say(db, name, "label", genre, old="", artist="Ann")
    ann, bob = keys_of(artist="Ann"), keys_of(artist="Bob")

    among = memory.recall(db, "new", ann, heard=loud).artist.said
    blind = memory.recall(db, "new", ann).artist.said

    least = memory.STILL + (1 - memory.STILL) * np.exp(-1 / memory.ALIKE)
    assert among == pytest.approx({"rock": 1.0, "jazz": 2 * least}, abs=1e-3)
    assert blind == {"rock": 1.0, "jazz": 2.0}
    assert memory.recall(db, "new", bob, heard=loud).artist == Counts()


@pytest.mark.parametrize(
    ("away", "sure", "genre"), [(0.5, 0.9, "Jazz"), (1.0, 0.9, "Rock"), (1.0, 0.7, "Jazz")]
)
def test_one_word_on_an_artist_leaves_quite_another_sound_to_the_model(
    db: Database, away: float, sure: float, genre: str
) -> None:
    """If the model is sure: it may be the artist's other genre, of which nobody spoke yet."""
    here, other = np.eye(200, dtype=np.float32)[:2]
    remember_track(db, "f1", 60.0, NOON)
    save_hearing(db, hearing("f1", here))
    say(db, "f1", "label", "Jazz", old="", artist="Ann")
    sound = ((1 - away) * here + np.sqrt(1 - (1 - away) ** 2) * other).astype(np.float32)
    heard = tuple(
        GenreConfidence(genre=name, confidence=share)
        for name, share in (("Rock", sure), ("Jazz", 1 - sure))
    )

    said = memory.recall(db, "new", keys_of(artist="Ann"), heard=sound)

    best = memory.blend(replace(VERDICT, genres=heard), said).best
    assert best is not None
    assert best.genre == genre


def test_one_word_on_an_artist_outweighs_the_guesses_that_nobody_corrected(
    db: Database,
) -> None:
    """Where a person corrects one of many, the others were very likely wrong, too."""
    for number in range(6):
        lie(db, f"f{number}", "Rock", "ours", artist="Ann")
    before = blended(db, artist="Ann").best
    say(db, "f6", "correction", "Jazz", artist="Ann")

    after = blended(db, artist="Ann").best

    assert before is not None
    assert before.genre == "Rock"
    assert after is not None
    assert after.genre == "Jazz"


@pytest.mark.parametrize(("sure", "genre"), [(0.8, "Jazz"), (0.97, "Rock")])
def test_our_guesses_do_not_believe_each_other(db: Database, sure: float, genre: str) -> None:
    """Three hundred that are alike count for less than what is surely heard in a track."""
    for number in range(300):
        lie(db, f"f{number}", "", "none", artist="Ann", state="not_sure", sure=0.9)
    heard = (
        GenreConfidence(genre="Rock", confidence=sure),
        GenreConfidence(genre="Jazz", confidence=(1 - sure) / 2),
    )

    said = memory.recall(db, "new", keys_of(artist="Ann"))

    best = memory.blend(replace(VERDICT, genres=heard), said).best
    assert best is not None
    assert best.genre == genre
