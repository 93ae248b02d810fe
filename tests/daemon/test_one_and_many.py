"""What is counted is said as one says it, of one as of many."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from core.library.lessons import Progress
from daemon.cli import cli
from daemon.commands.taught import Doubted, doubt_lines, heard_lines
from daemon.learning.learning_from import Heard
from daemon.showing.show import counted, does
from tests.puppets import FAINT, PaperHouse, paper


@pytest.mark.parametrize(
    ("count", "said"), [(0, "0 files wait"), (1, "1 file waits"), (1200, "1,200 files wait")]
)
def test_a_count_its_thing_and_its_verb_agree(count: int, said: str) -> None:
    """Thousands are set apart."""
    assert f"{counted(count, 'file')} {does(count, 'waits', 'wait')}" == said


def test_learning_from_one_file_is_told_as_such() -> None:
    """Heard, and doubted."""
    heard = Heard(heard=1, failed=1, seconds=4.0, waiting=0)
    told = heard_lines(heard, Progress(heard=1, failed=1, waiting=0), {"it is torn": 1})
    doubt = Doubted(path="/a", tagged="Pop", probability=0.1, instead="Rock", surely=0.8)

    assert told[0].startswith("Heard 1 file in 4 s")
    assert "1 teaches nothing:" in told
    assert doubt_lines([doubt])[0].startswith("1 file looks wrongly tagged; it counts less")
    assert doubt_lines([doubt] * 2)[0].startswith("2 files look wrongly tagged; they count less")


def test_status_of_one_waiting_file(tmp_path: Path) -> None:
    """As it stands, and with one that bears a guess none is said to bear one."""
    house = PaperHouse(tmp_path, threshold=1.0)
    house.live()
    paper(house.music / "a.mp3", f"a{FAINT}", artist="Ann")
    house.settle()

    status = CliRunner().invoke(cli, ["--state-dir", str(tmp_path), "status"]).output
    review = CliRunner().invoke(cli, ["--state-dir", str(tmp_path), "review"], input="q\n").output
    house.close()

    assert "1 file waits for your answer" in status
    assert "1 file in 1 group, the ones" in review
