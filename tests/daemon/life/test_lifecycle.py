"""Events in, instructions out: no sleep, no mock."""

from dataclasses import replace
from pathlib import Path

import pytest

from core.decision.feedback import Kind, Meaning, Origin
from core.decision.identity import Met
from core.decision.policy import Action, Decision
from daemon.life.lifecycle import (
    Arm,
    Changed,
    Hear,
    Heard,
    Lifecycle,
    Note,
    Probe,
    Probed,
    Rest,
    Save,
    Stage,
    Still,
    Trouble,
    Vanished,
    Write,
    Written,
    table_text,
)
from tests.factories import file_row, stamp

P = "/m/a.mp3"
WRITE = Decision(action=Action.WRITE, reason="sure", genre="Jazz")
NOT_SURE = Decision(action=Action.NOT_SURE, reason="unsure")


def new(**changes: object) -> Met:
    return Met(row=file_row(P, **changes), meaning=Meaning(origin=Origin.NONE), is_new=True)


def word(kind: Kind = Kind.CORRECTION, genres: tuple[str, ...] = ("Doom",)) -> Met:
    row = file_row(P, state="tagged", genres=genres, origin="person")
    return Met(row=row, meaning=Meaning(origin=Origin.PERSON, kind=kind), old_genres=("Jazz",))


def probed(met: Met, *, has_segments: bool = False) -> Probed:
    return Probed(path=P, met=met, has_segments=has_segments)


def at(stage: Stage, met: Met | None = None) -> Lifecycle:
    """A lifecycle that has brought the file to *stage*."""
    life = Lifecycle()
    events = {
        Stage.SETTLING: [Changed(path=P)],
        Stage.PROBING: [Changed(path=P), Still(path=P)],
        Stage.CONFIRMING: [Changed(path=P), Still(path=P), probed(met or word())],
        Stage.PROBING_AGAIN: [
            Changed(path=P),
            Still(path=P),
            probed(met or word()),
            Still(path=P),
        ],
        Stage.HEARING: [Changed(path=P), Still(path=P), probed(new())],
        Stage.WRITING: [
            Changed(path=P),
            Still(path=P),
            probed(new()),
            Heard(path=P, decision=WRITE),
        ],
    }[stage]
    for event in events:
        life.handle(event)
    assert life.stage(P) is stage
    return life


def test_a_new_file_is_waited_for_read_heard_and_written() -> None:
    """The main road, step by step."""
    life = Lifecycle()
    met = new()

    assert life.handle(Changed(path=P)) == [Arm(path=P)]
    assert life.handle(Still(path=P)) == [Probe(path=P)]
    assert life.handle(probed(met)) == [Save(path=P, met=met), Hear(path=P, judge=True)]
    assert life.handle(Heard(path=P, decision=WRITE)) == [Write(path=P, genre="Jazz")]
    assert life.handle(Written(path=P)) == []
    assert len(life) == 0


def test_an_unsure_verdict_is_kept_for_review() -> None:
    """Nothing is written."""
    life = at(Stage.HEARING)

    assert life.handle(Heard(path=P, decision=NOT_SURE)) == [
        Rest(path=P, state="not_sure", reason="unsure")
    ]
    assert life.stage(P) is Stage.RESTING


def test_a_genre_that_arrived_with_the_file_is_left() -> None:
    """It is not even listened to."""
    met = replace(new(genres=("Folk",)), meaning=Meaning(origin=Origin.ARRIVED))

    instructions = at(Stage.PROBING).handle(probed(met))

    assert instructions == [
        Save(path=P, met=met),
        Rest(path=P, state="left", reason="already has a genre: Folk"),
    ]


def test_what_lay_there_before_is_read_and_left() -> None:
    """Only a person's asking writes there."""
    instructions = at(Stage.PROBING).handle(probed(new(existing=True)))

    assert isinstance(instructions[-1], Rest)
    assert instructions[-1].state == "left"


def test_a_person_is_heard_only_when_read_twice_alike() -> None:
    """Two equal readings of a still file make a correction."""
    life = at(Stage.PROBING)
    met = word()

    assert life.handle(probed(met)) == [Arm(path=P)]
    assert life.handle(Still(path=P)) == [Probe(path=P)]
    instructions = life.handle(probed(met, has_segments=True))

    assert instructions[0] == Note(path=P, met=met)
    assert instructions[1] == Rest(path=P, state="left", reason="you named it Doom")
    assert life.stage(P) is Stage.RESTING


def test_a_save_that_clears_and_then_writes_is_one_edit() -> None:
    """The cleared tag of the first reading is never noted."""
    life = at(Stage.CONFIRMING, word(Kind.REJECTION, genres=()))

    assert life.handle(Changed(path=P)) == [Arm(path=P)]
    assert life.handle(Still(path=P)) == [Probe(path=P)]
    life.handle(probed(word()))
    life.handle(Still(path=P))
    notes = [i for i in life.handle(probed(word())) if isinstance(i, Note)]

    assert [note.met.meaning.kind for note in notes] == [Kind.CORRECTION]


def test_a_second_reading_that_differs_starts_over() -> None:
    """Equal genres under another stamp are not equal readings."""
    life = at(Stage.PROBING_AGAIN)
    moved_on = replace(word(), row=replace(word().row, stamp=stamp(size=2)))

    assert life.handle(probed(moved_on)) == [Arm(path=P)]
    assert life.stage(P) is Stage.CONFIRMING


def test_a_labelled_track_without_features_is_heard_for_training() -> None:
    """It is not judged: the person has spoken."""
    instructions = at(Stage.PROBING_AGAIN).handle(probed(word()))

    assert instructions[-1] == Hear(path=P, judge=False)


def test_a_removed_genre_is_left_without_listening() -> None:
    """There is nothing to learn a genre from."""
    life = at(Stage.PROBING_AGAIN, word(Kind.REJECTION, genres=()))

    instructions = life.handle(probed(word(Kind.REJECTION, genres=())))

    assert instructions[-1] == Rest(path=P, state="left", reason="you removed the genre")


@pytest.mark.parametrize("stage", [Stage.PROBING, Stage.HEARING])
def test_a_change_while_at_work_begins_anew(stage: Stage) -> None:
    """What was read or heard by then is of a file that is no more."""
    life = at(stage)
    assert life.handle(Changed(path=P)) == []

    event = probed(new()) if stage is Stage.PROBING else Heard(path=P, decision=WRITE)

    assert life.handle(event) == [Arm(path=P)]
    assert life.stage(P) is Stage.SETTLING


def test_trouble_sets_the_file_aside_with_its_reason() -> None:
    """And a later change takes it up again."""
    life = at(Stage.PROBING)

    assert life.handle(Trouble(path=P, reason="torn")) == [
        Rest(path=P, state="failed", reason="torn")
    ]
    assert life.handle(Changed(path=P)) == [Arm(path=P)]


@pytest.mark.parametrize("stage", [Stage.SETTLING, Stage.PROBING, Stage.CONFIRMING, Stage.HEARING])
def test_a_vanished_file_is_forgotten(stage: Stage) -> None:
    """Its late results mean nothing."""
    life = at(stage)
    life.handle(Vanished(path=P))

    assert life.stage(P) is Stage.RESTING
    assert life.handle(probed(new())) == []
    assert life.handle(Still(path=P)) == []


def test_a_known_file_that_says_nothing_new_is_only_recorded() -> None:
    """A changed title of a tagged file is no reason to listen again."""
    met = Met(
        row=file_row(P, state="tagged", origin="ours", genres=("Jazz",)),
        meaning=Meaning(origin=Origin.OURS),
    )

    assert at(Stage.PROBING).handle(probed(met)) == [Save(path=P, met=met)]


def test_hands_off_means_hands_off() -> None:
    """After an undo no rescan brings the genre back."""
    row = file_row(P, state="left", hands_off=True)
    met = Met(row=row, meaning=Meaning(origin=Origin.NONE))

    assert at(Stage.PROBING).handle(probed(met)) == [Save(path=P, met=met)]


def test_the_printed_table_is_the_one_in_the_architecture() -> None:
    """The document shows the machine as it is."""
    document = Path(__file__).parents[3] / "ARCHITECTURE.md"

    assert table_text() in document.read_text("utf-8")
