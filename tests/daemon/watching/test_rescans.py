"""When each folder is looked at anew, and what it lies on."""

import os
from pathlib import Path

import pytest

from daemon.watching.rescans import Rescans
from daemon.watching.volumes import Volume, linux_volume, mac_volume

MUSIC = "/music"
DAY = 86_400.0

# as `mount` prints it on a Mac
MOUNTS = """/dev/disk3s1s1 on / (apfs, sealed, local, read-only, journaled)
/dev/disk3s5 on /System/Volumes/Data (apfs, local, journaled, nobrowse)
/dev/disk5s1 on /Volumes/My Music (hfs, local, nodev, nosuid, journaled, noowners)
//ann@nas._smb._tcp.local/music on /Volumes/music (smbfs, nodev, nosuid, mounted by ann)
"""


def rescans() -> Rescans:
    return Rescans([MUSIC], 600.0, DAY)


def test_all_is_due_at_the_start() -> None:
    """What happened while we were away is found."""
    assert rescans().due(0.0) == [MUSIC]


def test_a_near_folder_goes_by_the_clock() -> None:
    """However long the look took, events or none."""
    plan = rescans()
    plan.done(MUSIC, 0.0, 30.0, Volume.NEAR, tells=True)

    assert plan.due(629.0) == []
    assert plan.due(630.0) == [MUSIC]
    assert plan.next_due() == 630.0


@pytest.mark.parametrize("volume", [Volume.FAR, Volume.SLEEPY])
def test_a_slow_one_at_most_a_hundredth_of_the_time(volume: Volume) -> None:
    """A look that took 30 s is not taken again for 50 minutes."""
    plan = rescans()
    plan.done(MUSIC, 0.0, 30.0, volume, tells=False)

    assert plan.due(3029.0) == []
    assert plan.due(3030.0) == [MUSIC]


def test_a_sleeping_disk_is_not_woken_for_nothing() -> None:
    """It tells of changes and told of none: once a day."""
    plan = rescans()
    plan.done(MUSIC, 0.0, 1.0, Volume.SLEEPY, tells=True)

    assert plan.due(DAY) == []
    assert plan.due(DAY + 1.0) == [MUSIC]


def test_an_event_brings_the_next_look_back() -> None:
    """Where one came another may have been lost."""
    plan = rescans()
    plan.done(MUSIC, 0.0, 1.0, Volume.SLEEPY, tells=True)
    plan.heard(MUSIC)

    assert plan.due(601.0) == [MUSIC]
    plan.done(MUSIC, 601.0, 602.0, Volume.SLEEPY, tells=True)
    assert plan.due(2000.0) == []


def test_a_share_tells_nothing_of_what_others_do() -> None:
    """Its silence is no sign."""
    plan = rescans()
    plan.done(MUSIC, 0.0, 1.0, Volume.FAR, tells=True)

    assert plan.due(601.0) == [MUSIC]


def test_after_a_fault_all_is_due_soon() -> None:
    """Whatever was planned."""
    plan = rescans()
    plan.done(MUSIC, 0.0, 1.0, Volume.SLEEPY, tells=True)
    plan.all_due(20.0)

    assert plan.due(20.0) == [MUSIC]


@pytest.mark.parametrize(
    ("path", "volume"),
    [
        ("/Users/ann/Music", Volume.NEAR),
        ("/Volumes/My Music/albums", Volume.SLEEPY),
        ("/Volumes/music", Volume.FAR),
    ],
)
def test_volumes_of_a_mac(path: str, volume: Volume) -> None:
    """By what `mount` prints; recorded."""
    assert mac_volume(path, MOUNTS) is volume


@pytest.mark.parametrize(
    ("kind", "bus", "spins", "volume"),
    [
        ("nfs4", "", "0", Volume.FAR),
        ("fuse.sshfs", "", "0", Volume.FAR),
        ("ext4", "pci0000:00/ata1/host0/block/sda", "1", Volume.SLEEPY),
        ("exfat", "pci0000:00/usb2/2-1/block/sda", "1", Volume.SLEEPY),
        ("ext4", "pci0000:00/ata1/host0/block/sda", "0", Volume.NEAR),
        ("ext4", "pci0000:00/virtio1/block/vda", "1", Volume.NEAR),
        ("tmpfs", "", "0", Volume.NEAR),
    ],
)
def test_volumes_of_linux(tmp_path: Path, kind: str, bus: str, spins: str, volume: Volume) -> None:
    """By the file system, and by the disk that a partition is of."""
    device = tmp_path.stat().st_dev
    number = f"{os.major(device)}:{os.minor(device)}"
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/mountinfo").write_text(f"6 1 {number} / /m rw - {kind} none rw\n")
    if bus:
        disk = tmp_path / "sys/devices" / bus
        (disk / "queue").mkdir(parents=True)
        (disk / "queue/rotational").write_text(spins + "\n")
        (disk / "part1").mkdir()
        links = tmp_path / "sys/dev/block"
        links.mkdir(parents=True)
        (links / number).symlink_to(disk / "part1")

    assert linux_volume(str(tmp_path), tmp_path) is volume


def test_where_nothing_is_known_it_is_near(tmp_path: Path) -> None:
    """It is looked at by the clock."""
    assert linux_volume(str(tmp_path / "absent"), tmp_path) is Volume.NEAR
    assert mac_volume("/Users/ann", "") is Volume.NEAR
