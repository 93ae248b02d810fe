"""What is of no learned genre, from a kept hearing to what a person is shown."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from sqlite_utils import Database

from core.decision.beyond import OWN, SIGNS, Known, unlearned
from core.decision.policy import Action
from core.library import files, hearings
from core.library.hearings import HearingRow
from core.library.schema import open_library
from core.registry import Registry, base_dir
from core.taxonomy import TAGS
from daemon.config import Policy
from daemon.judging.classification import Classification
from daemon.judging.judge import Judge
from daemon.judging.why import document
from daemon.showing.show import show_classification
from tests.factories import NOON, file_row


@pytest.fixture
def db(tmp_path: Path) -> Database:
    return open_library(tmp_path / "library.db")


@pytest.fixture
def judge(db: Database, tmp_path: Path) -> Judge:
    """The shipped model, that knows of House by the first axis of the embedding."""
    return judging(db, tmp_path, Policy())


def judging(db: Database, room: Path, policy: Policy) -> Judge:
    judge = Judge(db, Registry(room / "models", base_dir(backbone=False)), policy)
    judge.model().known = knows(judge.model().manifest.genres)
    return judge


def knows(genres: tuple[str, ...]) -> Known:
    others, count = unlearned(genres), len(genres)
    kernel = np.zeros((200, 50))
    kernel[0, TAGS.index("House")] = 1.0
    return Known(
        genres=np.array(genres),
        others=np.array(others),
        kernel=kernel,
        bias=np.zeros(50),
        tag_mean=np.zeros(50),
        tag_deviation=np.ones(50),
        centre=np.zeros(200),
        width=np.ones(200),
        weights=np.zeros((200, count)),
        offset=np.zeros(count),
        places=np.zeros((count, 200)),
        within=np.zeros((200, 200)),
        whole=np.zeros((200, 200)),
        expected=np.zeros((count, len(others))),
        deviation=np.ones(len(others)),
        usual=np.array(1.5),
        outside=np.array([-2.0, *np.ones(len(SIGNS))]),
        limit=np.array(0.75),
    )


def heard(judge: Judge, house: float, fingerprint: str = "f0") -> HearingRow:
    """Two segments of which all members are sure, and this much House in the embedding."""
    manifest = judge.model().manifest
    scores = np.zeros((len(manifest.weights), 2, len(manifest.genres)), np.float32)
    scores[:, :, 5] = 20
    return HearingRow(
        fingerprint=fingerprint,
        feature_version=1,
        model_version=manifest.version,
        genres=manifest.genres,
        segments=2,
        track_features=np.zeros((2, 135), np.float32),
        pooled_scores=scores.mean(axis=1),
        features=np.zeros((2, 135), np.float32),
        scores=scores,
        embedding=embedding(house),
    )


def embedding(house: float) -> NDArray[np.float32]:
    return np.r_[house, np.zeros(199)].astype(np.float32)


def test_what_is_of_no_learned_genre_waits_for_review(judge: Judge) -> None:
    """However sure the members are; its reason says what it may be."""
    verdict = judge.by_model(heard(judge, house=6.0))
    decision = judge.decide(verdict, file_row(fingerprint=None, origin="none", genres=()))

    assert decision.action is Action.NOT_SURE
    assert decision.reason == "none of the genres it has learned; perhaps House"
    assert judge.by_model(heard(judge, house=0.0)).outside < 0.75


def test_a_threshold_of_the_users_own_stands_alone(db: Database, tmp_path: Path) -> None:
    """A number means what it says."""
    judge = judging(db, tmp_path, Policy(threshold=0.5))
    verdict = judge.by_model(heard(judge, house=6.0))

    row = file_row(fingerprint=None, origin="none", genres=())
    assert judge.decide(verdict, row).action is Action.WRITE


def test_what_a_library_has_everywhere_is_suggested_no_more(judge: Judge, db: Database) -> None:
    """How its tags spread is read anew once it has grown; fewer than a hundred say nothing."""
    assert judge.by_model(heard(judge, house=2.0)).suggested

    for number in range(2 * OWN):
        files.remember_track(db, f"t{number}", 10.0, NOON)
        hearings.save_hearing(db, heard(judge, house=2.0, fingerprint=f"t{number}"))

    assert not judge.by_model(heard(judge, house=2.0)).suggested


def test_the_last_tracks_heard_are_asked(db: Database, judge: Judge) -> None:
    """The newest first, none that was heard without a backbone."""
    for number in range(3):
        files.remember_track(db, f"t{number}", 10.0, NOON)
        hearings.save_hearing(db, heard(judge, house=number, fingerprint=f"t{number}"))

    assert hearings.recent_embeddings(db, 2)[:, 0].tolist() == [2.0, 1.0]
    assert hearings.recent_embeddings(db, 9).shape == (3, 200)


def test_suggestions_are_shown_and_told(judge: Judge, capsys: pytest.CaptureFixture[str]) -> None:
    """In words below the confidences, unless the reason has them; with numbers in JSON."""
    verdict = judge.by_model(heard(judge, house=2.0))
    found = Classification(
        path="a.mp3",
        decision="not sure",
        reason="below",
        genres=verdict.genres,
        outside=verdict.outside,
        suggested=verdict.suggested,
    )

    show_classification(found)
    told = document(found)

    assert "perhaps House (not among the genres it has learned)" in capsys.readouterr().out
    assert [item["genre"] for item in told["suggested"]] == ["House"]
    assert told["outside"] == pytest.approx(verdict.outside, abs=1e-3)
