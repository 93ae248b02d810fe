"""A playlist that any player can read."""

import os
from pathlib import Path

import pytest

from core.errors import ConfigError
from daemon.review.playlist import write_playlist
from tests.factories import file_row


def test_names_lengths_and_paths_in_their_order(tmp_path: Path) -> None:
    """Extended M3U in UTF-8; odd bytes of a path stay, line breaks of a tag do not."""
    odd = os.fsdecode(b"/m/\xff.mp3")
    rows = [
        file_row("/m/a.mp3", artist="Björk", title="Jóga\nlive"),
        file_row(odd, title="Untitled"),
        file_row("/m/c.mp3", artist="Nobody"),
    ]
    seconds = {"/m/a.mp3": 304.6, odd: 61.0}

    count = write_playlist(str(tmp_path / "x.m3u"), rows, lambda row: seconds.get(row.path))

    assert count == 3
    assert (tmp_path / "x.m3u").read_bytes() == (
        "#EXTM3U\n#EXTINF:305,Björk - Jóga live\n/m/a.mp3\n#EXTINF:61,Untitled\n".encode()
        + b"/m/\xff.mp3\n#EXTINF:-1,c.mp3\n/m/c.mp3\n"
    )


def test_a_path_with_a_line_break_is_left_out(tmp_path: Path) -> None:
    """It would be read as two files."""
    rows = [file_row("/m/a\nb.mp3"), file_row("/m/c.mp3")]

    assert write_playlist(str(tmp_path / "x.m3u"), rows, lambda row: None) == 1


def test_where_it_cannot_be_written_the_reason_is_told(tmp_path: Path) -> None:
    """In one sentence with the remedy."""
    with pytest.raises(ConfigError) as caught:
        write_playlist(str(tmp_path / "no" / "x.m3u"), [], lambda row: None)

    assert "cannot be written" in str(caught.value)
    assert "name a file in a folder" in str(caught.value)


def test_only_a_playlist_is_replaced(tmp_path: Path) -> None:
    """A slip of the hand on the command line must not cost a piece of music."""
    music, before = tmp_path / "a.mp3", b"ID3 and so on"
    music.write_bytes(before)
    with pytest.raises(ConfigError, match="no playlist"):
        write_playlist(str(music), [], lambda row: None)
    assert music.read_bytes() == before

    again = str(tmp_path / "x.m3u")
    write_playlist(again, [file_row("/m/a.mp3")], lambda row: None)
    assert write_playlist(again, [], lambda row: None) == 0
    assert Path(again).read_text("utf-8") == "#EXTM3U\n"
