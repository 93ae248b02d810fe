"""Who is this file?"""

from dataclasses import replace

from core.decision.feedback import Kind, Origin
from core.decision.identity import Known, Reading, meet
from core.library.files import FileRow
from core.library.writes import WriteRow
from core.tags import TagReading
from tests.factories import file_row, stamp, tag

EMPTY = ("Unknown",)


def reading(found: TagReading, path: str = "/m/a.mp3", fingerprint: str = "f1") -> Reading:
    return Reading(
        path=path,
        fingerprint=fingerprint,
        head=fingerprint,
        volume=1,
        stamp=stamp(mtime_ns=900),
        tag=found,
    )


def ours(**changes: object) -> FileRow:
    values: dict[str, object] = {"state": "tagged", "genres": ("Rock",), "origin": "ours"}
    return file_row(**(values | changes))


def write(old: tuple[str, ...] = (), after_mtime_ns: int = 500) -> WriteRow:
    return WriteRow(
        path="/m/a.mp3",
        scratch="/m/.x",
        fingerprint="f1",
        old=old,
        new=("Rock",),
        old_origin="none",
        origin="ours",
        cause="drop",
        writer_pid=1,
        writer_started="x",
        state="done",
        after_mtime_ns=after_mtime_ns,
    )


def test_a_new_file_without_genre_is_nobodys() -> None:
    """It waits for its verdict."""
    met = meet(reading(tag()), Known(), EMPTY)

    assert met.is_new
    assert met.row.origin == "none"
    assert met.row.state == "pending"
    assert not met.meaning.speaks


def test_a_new_file_with_a_genre_arrived_with_it() -> None:
    """What is found is no feedback."""
    met = meet(reading(tag("Jazz")), Known(), EMPTY)

    assert met.row.origin == "arrived"
    assert met.meaning.kind is None


def test_unknown_counts_as_empty_at_first_sight_only() -> None:
    """In a known file it is what the person wrote."""
    first = meet(reading(tag("Unknown")), Known(), EMPTY)
    later = meet(reading(tag("Unknown")), Known(at_path=ours()), EMPTY)

    assert first.row.origin == "none"
    assert later.meaning.kind is Kind.CORRECTION


def test_a_moved_file_keeps_all_that_is_known_of_it() -> None:
    """The fingerprint names the track, the path only where it lies."""
    known = Known(moved_from=ours(hands_off=True, reason="undone"))

    met = meet(reading(tag("Rock"), path="/m/b.mp3"), known, EMPTY)

    assert met.moved_from == "/m/a.mp3"
    assert met.row.path == "/m/b.mp3"
    assert met.row.hands_off
    assert not met.meaning.speaks


def test_a_retag_on_the_way_is_noticed() -> None:
    """Moved and corrected at once is one correction."""
    met = meet(reading(tag("Jazz"), path="/m/b.mp3"), Known(moved_from=ours()), EMPTY)

    assert met.meaning.kind is Kind.CORRECTION
    assert met.old_genres == ("Rock",)


def test_a_copy_of_a_file_that_we_tagged_is_ours() -> None:
    """Its genre is our guess, not a person's label."""
    known = Known(our_genres=(("Rock",),))

    met = meet(reading(tag("rock"), path="/m/copy.mp3"), known, EMPTY)

    assert met.meaning.origin is Origin.OURS
    assert met.meaning.kind is None


def test_other_audio_at_the_same_path_is_a_new_track() -> None:
    """A re-rip without a genre rejects nothing."""
    met = meet(reading(tag(), fingerprint="f2"), Known(at_path=ours()), EMPTY)

    assert met.is_new
    assert met.meaning.kind is None
    assert met.row.origin == "none"


def test_a_restored_backup_is_a_reversion() -> None:
    """It is older than our write and says what stood there before."""
    known = Known(at_path=ours(), last_write=write(), acted_ns=1000)

    met = meet(reading(tag()), known, EMPTY)

    assert met.meaning.kind is Kind.REVERSION


def test_what_lay_there_before_stays_existing_until_read() -> None:
    """The mark survives the first probe, and is not given to new audio at that path."""
    unread = file_row(fingerprint=None, existing=True)

    first = meet(reading(tag()), Known(at_path=unread), EMPTY)
    other = meet(
        reading(tag(), fingerprint="f2"), Known(at_path=replace(unread, fingerprint="f1")), EMPTY
    )

    assert first.row.existing
    assert not other.row.existing


def test_our_genre_put_back_after_an_undo_is_no_label() -> None:
    """Whoever restored the file said nothing; it stays hands-off."""
    undone = file_row(state="left", hands_off=True)
    known = Known(at_path=undone, our_genres=(("Rock",),), acted_ns=1000)

    met = meet(reading(tag("Rock")), known, EMPTY)

    assert met.meaning.origin is Origin.OURS
    assert not met.meaning.speaks
    assert met.row.hands_off
