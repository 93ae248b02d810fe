"""What `make setup` builds from: the lock files, and the script that finds a Python."""

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
LOCKS = ("requirements.lock", "requirements-metal.lock")


def locked(name: str) -> dict[str, str]:
    """Return the versions that a lock file names."""
    found = re.findall(r"^([\w.-]+)==([^ ;]+)", (ROOT / name).read_text("utf-8"), re.MULTILINE)
    return dict(found)


@pytest.mark.parametrize("name", LOCKS)
def test_lock_names_no_index_and_hashes_everything(name: str) -> None:
    """So that any index will do, and none can slip another file in."""
    text = (ROOT / name).read_text("utf-8")
    entries = re.split(r"^(?=\S)", text, flags=re.MULTILINE)[1:]

    assert "://" not in text
    assert entries
    assert [entry for entry in entries if "--hash=sha256:" not in entry] == []


def test_lock_keeps_to_the_bounds_of_the_project() -> None:
    """A bound that was changed without `make lock` is found here."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    groups = project["dependency-groups"]
    wanted = project["project"]["dependencies"] + groups["dev"] + groups["backbone"]
    metal = project["project"]["optional-dependencies"]["metal"]

    for lock, requirements in (("requirements.lock", wanted), ("requirements-metal.lock", metal)):
        versions = locked(lock)
        for text in requirements:
            requirement = Requirement(text)
            assert requirement.specifier.contains(versions[requirement.name]), text


def test_gpu_plug_in_is_no_plain_dependency() -> None:
    """It has no wheel for Linux, and stays a choice on a Mac."""
    assert "tensorflow-metal" not in locked("requirements.lock")
    assert list(locked("requirements-metal.lock")) == ["tensorflow-metal"]


def test_the_backbones_package_is_never_asked_of_an_installer() -> None:
    """Its pins of 2020 would make `pip install genrewatch` fail; only our lock file brings it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    published = [project["dependencies"], *project["optional-dependencies"].values()]

    assert "musicnn" in locked("requirements.lock")
    assert "musicnn" not in str(published)


def test_setup_says_in_one_sentence_what_is_missing(tmp_path: Path) -> None:
    """No Python, no uv, no network: no traceback, and nothing half-made is left."""
    for name in ("setup.sh", "requirements.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("sh", "dirname", "cat", "cksum", "sed", "tr", "rm"):
        found = shutil.which(name)
        assert found
        (tools / name).symlink_to(found)
    text = (tmp_path / "setup.sh").read_text("utf-8")
    # this machine's own Pythons stand in fixed places; the copy looks nowhere but in PATH
    plain = re.sub(r"/(opt|usr|Library)/[\w/.@]*(python3?(\.12)?|uv)\b", "/nowhere", text)
    (tmp_path / "setup.sh").write_text(plain, "utf-8")

    done = subprocess.run(
        ["sh", "setup.sh"],
        cwd=tmp_path,
        env={"PATH": str(tools), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode != 0
    assert "install Python 3.12" in done.stderr.splitlines()[-1]
    assert sorted(os.listdir(tmp_path)) == sorted(  # noqa: PTH208
        ["bin", "setup.sh", "requirements.lock", "pyproject.toml"]
    )
