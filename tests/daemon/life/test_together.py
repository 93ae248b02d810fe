"""How long the tracks of an album wait for each other."""

from daemon.life.together import A_WHILE_S, Together

ONE, TWO = ("/m/a", "ann/one"), ("/m/b", "ann/two")


def test_an_album_waits_while_more_of_it_is_on_its_way() -> None:
    """And no longer; another album has nothing to do with it."""
    together = Together()
    together.hold("/m/a/1.mp3", ONE, 0.0)
    together.hold("/m/b/1.mp3", TWO, 0.0)

    assert together.take(1.0, lambda album: album == ONE) == [["/m/b/1.mp3"]]
    assert together.is_held("/m/a/1.mp3")
    assert together.take(2.0, lambda album: False) == [["/m/a/1.mp3"]]
    assert not together.is_held("/m/a/1.mp3")


def test_an_album_waits_a_while_after_the_last_of_its_tracks() -> None:
    """Each track that is heard gives the next one time."""
    together = Together()
    together.hold("/m/a/1.mp3", ONE, 0.0)
    together.hold("/m/a/2.mp3", ONE, 50.0)

    assert together.next_due() == 50.0 + A_WHILE_S
    assert together.take(A_WHILE_S, lambda album: True) == []
    assert together.take(50.0 + A_WHILE_S, lambda album: True) == [["/m/a/1.mp3", "/m/a/2.mp3"]]
    assert together.next_due() is None


def test_a_track_that_is_gone_is_waited_with_no_more() -> None:
    """The last one takes its album along."""
    together = Together()
    together.hold("/m/a/1.mp3", ONE, 0.0)
    together.drop("/m/a/1.mp3")
    together.drop("/m/a/2.mp3")

    assert together.next_due() is None
    assert together.take(1.0, lambda album: False) == []
