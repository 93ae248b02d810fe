"""What processes of tests share is made by one of them."""

import multiprocessing
from pathlib import Path

from tests.once import made_at


def write(folder: Path) -> None:
    """Fill *folder* slowly enough for the others to come meanwhile."""
    multiprocessing.Event().wait(0.3)
    (folder / "made").write_text(folder.name)
    with (folder.parent / "by").open("a") as by:
        by.write("one\n")


def ask(folder: Path) -> None:
    """Want it, and find it whole."""
    assert (made_at(folder, write) / "made").is_file()


def test_the_first_makes_it_and_the_others_wait(tmp_path: Path) -> None:
    """Three processes at once; a folder that is there but empty counts as none."""
    (tmp_path / "shared").mkdir()
    context = multiprocessing.get_context("spawn")
    askers = [context.Process(target=ask, args=(tmp_path / "shared",)) for _ in range(3)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()

    assert [asker.exitcode for asker in askers] == [0, 0, 0]
    assert (tmp_path / "by").read_text() == "one\n"
