"""What people are told of the model versions."""

from pathlib import Path

import pytest

from core.library import runs
from core.registry import Registry
from daemon.showing import show
from daemon.telling import versions
from tests.puppets import PaperHouse


@pytest.fixture
def house(tmp_path: Path) -> PaperHouse:
    """A house with three versions; the last is in use, and the record knows its training."""
    made = PaperHouse(tmp_path)
    made.new_model("two")
    made.new_model("three")
    run = runs.begin_run(made.db, "night", made.now())
    runs.end_run(made.db, run, "promoted", "right on 70 of 100", made.now(), version="three")
    return made


def models(house: PaperHouse) -> Registry:
    """Return its models."""
    return Registry(house.models, house.models / "one")


def test_a_damaged_version_is_told_and_hides_no_other(
    house: PaperHouse, capsys: pytest.CaptureFixture[str]
) -> None:
    """With its reason, in the list and in JSON."""
    (house.models / "two" / "calibration.json").write_text("{}", "utf-8")

    found = {item.name: item for item in versions.all_versions(house.db, models(house))}

    assert sorted(found) == ["one", "three", "two"]
    assert found["three"].in_use
    assert "changed or damaged" in str(versions.version_json(found["two"])["trouble"])
    show.show_version(found["two"])
    assert "changed or damaged" in capsys.readouterr().out


def test_one_version_is_shown_whole(house: PaperHouse, capsys: pytest.CaptureFixture[str]) -> None:
    """With where it comes from, what the gate said, and where going back leads."""
    found = versions.version_named(house.db, models(house), None)

    show.show_whole_version(found)

    told = capsys.readouterr().out
    for part in ("three  (in use)", "asked by night", "right on 70 of 100", "leads to two"):
        assert part in told
    document = versions.version_json(found, whole=True)
    assert document["training"]["outcome"] == "promoted"
    assert (document["back_to"], document["trained_on"]) == ("two", 0)
    assert versions.version_named(house.db, models(house), "two").back_to is None
