"""Which of a person's words may say how good the model is?"""

from core.decision.testimony import met_artists, unprompted
from core.library.feedback_log import FeedbackRow


def said(fingerprint: str, kind: str = "label", via: str = "retag", **more: object) -> FeedbackRow:
    values: dict[str, object] = {
        "path": f"/m/{fingerprint}.mp3",
        "fingerprint": fingerprint,
        "kind": kind,
        "old": (),
        "new": ("Jazz",),
        "via": via,
        "artist": "Nina",
    }
    return FeedbackRow(**(values | more))  # type: ignore[arg-type]


def test_a_name_of_ones_own_is_testimony() -> None:
    """Given in another program or by command, to music that bore no word of ours."""
    found = unprompted([said("a"), said("b", via="tag")])

    assert [item.fingerprint for item in found] == ["a", "b"]
    assert found[0].genre == "Jazz"


def test_reactions_are_none() -> None:
    """Corrections, confirmations, rejections and answers in review were picked by what we said."""
    reactions = [
        said("a", kind="correction", old=("Rock",)),
        said("b", kind="confirmation", via="review"),
        said("c", kind="rejection", new=()),
        said("d", via="review"),
        said("e", via="page"),
        said("f", kind="reversion"),
    ]

    assert unprompted(reactions) == ()


def test_one_reaction_spoils_a_track_for_good() -> None:
    """What is said of it later is still a word about our word."""
    assert unprompted([said("a", kind="correction"), said("a")]) == ()


def test_an_audit_is_testimony_whatever_it_says() -> None:
    """The track was drawn at random, so a correction in an audit counts like a yes."""
    wrong = said("a", kind="correction", via="audit", old=("Rock",), new=("Soul",))

    (found,) = unprompted([said("a", kind="confirmation", via="review"), wrong])

    assert found.genre == "Soul"


def test_the_last_word_counts_and_an_emptied_genre_is_none() -> None:
    """A person may change their mind."""
    assert unprompted([said("a"), said("a", new=("Soul",))])[0].genre == "Soul"
    assert unprompted([said("a"), said("a", kind="rejection", via="audit", new=())]) == ()


def test_artists_that_were_trained_on_are_met() -> None:
    """However they are spelled; without an artist the folder stands for one."""
    rows = [
        said("a", artist="The Nina"),
        said("b", artist="nina"),
        said("c", artist="Otis"),
        said("d", artist=None),
    ]

    met = met_artists(rows, {"a"})

    assert [item.fingerprint for item in unprompted(rows) if item.artist not in met] == ["c", "d"]
    assert met_artists(rows, {"d"}) == {"/m"}


def test_an_artist_is_met_on_a_compilation_too() -> None:
    """Training groups such a track by its artist, so the promise must."""
    rows = [
        said("a", artist="Nina", album_artist="Various Artists", path="/hits/a.mp3"),
        said("b", artist="Nina", path="/nina/b.mp3"),
    ]

    assert met_artists(rows, {"a"}) == {unprompted(rows)[1].artist}
