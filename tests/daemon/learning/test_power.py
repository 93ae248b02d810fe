"""What the machine runs on, by what Linux and macOS say of it."""

from pathlib import Path

import pytest

from daemon.learning.power import pmset_on_battery, sysfs_on_battery

# as `pmset -g batt` prints it
ON_BATTERY = """Now drawing from 'Battery Power'
 -InternalBattery-0 (id=4653155)\t83%; discharging; 5:12 remaining present: true
"""
PLUGGED_IN = """Now drawing from 'AC Power'
 -InternalBattery-0 (id=4653155)\t100%; charged; 0:00 remaining present: true
"""


def supply(root: Path, name: str, **says: str) -> None:
    (root / name).mkdir(parents=True)
    for what, text in says.items():
        (root / name / what).write_text(text + "\n", "ascii")


def test_a_laptop_off_its_plug_is_on_battery(tmp_path: Path) -> None:
    """Its battery empties and no plug feeds it."""
    supply(tmp_path, "AC", type="Mains", online="0")
    supply(tmp_path, "BAT0", type="Battery", status="Discharging")

    assert sysfs_on_battery(tmp_path)


def test_a_plugged_in_laptop_is_not(tmp_path: Path) -> None:
    """Not even while its battery cannot keep up."""
    supply(tmp_path, "AC", type="Mains", online="1")
    supply(tmp_path, "BAT0", type="Battery", status="Discharging")

    assert not sysfs_on_battery(tmp_path)


def test_the_battery_of_a_mouse_is_no_matter(tmp_path: Path) -> None:
    """It is the mouse's own."""
    supply(tmp_path, "hidpp_battery_0", type="Battery", status="Discharging", scope="Device")

    assert not sysfs_on_battery(tmp_path)


def test_where_nothing_is_known_it_is_mains(tmp_path: Path) -> None:
    """A desktop, a server, a container."""
    assert not sysfs_on_battery(tmp_path / "nowhere")
    assert not pmset_on_battery("")


@pytest.mark.parametrize(("said", "battery"), [(ON_BATTERY, True), (PLUGGED_IN, False)])
def test_a_mac_says_it_in_words(said: str, battery: bool) -> None:
    """Recorded, since nothing here has been run on a Mac."""
    assert pmset_on_battery(said) is battery
