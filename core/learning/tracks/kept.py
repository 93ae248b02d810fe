"""What was heard of sample files is kept on disk, so that the next training hears less.

An entry is known by the audio's fingerprint and by all that a hearing depends on, the code
included, so a stale one is never found; a damaged one is made anew. Bounded: what was used
longest ago goes first. It may be removed at any time and never says what genre a file is.
"""

import contextlib
import hashlib
import io
import json
import os
import tempfile
import zipfile
import zlib
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import core.analysis

__all__ = ["Entry", "Kept", "code_hash"]

MOST_BYTES = 512 << 20  # about 15,000 tracks of four minutes with five copies each

Rows = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Entry:
    """What was heard of one track and of its copies."""

    features: Rows  # [n, 135]
    embedding: Rows | None  # [200]
    copies: tuple[Rows, ...]  # each [m, 135]; m is 0 where nothing of it could be heard


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """The entries in one folder."""

    folder: Path
    most_bytes: int = MOST_BYTES

    def find(self, *parts: object, copies: int) -> Entry | None:
        """Return the entry known by *parts*, with *copies* copies; None where there is none."""
        path = self._path(parts)
        try:
            entry = _unpacked(path.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error):
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)  # damaged: it is made anew
            return None
        if len(entry.copies) < copies:
            return None
        with contextlib.suppress(OSError):  # its age is only about which goes first
            os.utime(path)
        return replace(entry, copies=entry.copies[:copies])

    def keep(self, *parts: object, entry: Entry) -> None:
        """Keep *entry* under *parts*, whole or not at all.

        Where the disk refuses it is not kept: that costs time later and no more.
        """
        with contextlib.suppress(OSError):
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle, partial = tempfile.mkstemp(dir=self.folder, suffix=".partial")
            try:
                with open(handle, "wb") as file:  # noqa: PTH123
                    file.write(_packed(entry))
                Path(partial).replace(self._path(parts))
            finally:
                Path(partial).unlink(missing_ok=True)

    def trim(self) -> None:
        """Let those go that were used longest ago, until the rest fits; and torn ones."""
        with contextlib.suppress(OSError):
            for path in self.folder.glob("*.partial"):
                path.unlink(missing_ok=True)
            states = [(path.stat(), path) for path in self.folder.glob("*.npz")]
            left = sum(state.st_size for state, _ in states)
            for state, path in sorted(states, key=lambda pair: pair[0].st_mtime_ns):
                if left <= self.most_bytes:
                    return
                path.unlink(missing_ok=True)
                left -= state.st_size

    def _path(self, parts: tuple[object, ...]) -> Path:
        text = json.dumps([code_hash(), *parts])
        return self.folder / f"{hashlib.sha256(text.encode()).hexdigest()[:32]}.npz"


@cache
def code_hash() -> str:
    """Hash the code that hears and disturbs: with other code nothing kept is found."""
    here = Path(__file__).parent
    files = [here / name for name in ("augment.py", "effects.py", "hearing.py", "kept.py")]
    files += sorted(Path(core.analysis.__file__).parent.glob("*.py"))
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _packed(entry: Entry) -> bytes:
    arrays: dict[str, NDArray[Any]] = {
        "features": entry.features,
        "embedding": _no_rows() if entry.embedding is None else entry.embedding[None],
        "counts": np.array([len(copy) for copy in entry.copies], np.int32),
        "copies": np.concatenate([entry.features[:0], *entry.copies]),
    }
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return file.getvalue()


def _unpacked(data: bytes) -> Entry:
    """Read what `_packed` wrote; raises ValueError and others where it is damaged."""
    with np.load(io.BytesIO(data), allow_pickle=False) as held:
        counts, own = held["counts"], held["embedding"]
        return Entry(
            features=held["features"],
            embedding=own[0] if len(own) else None,
            copies=tuple(np.split(held["copies"], np.cumsum(counts))[: len(counts)]),
        )


def _no_rows() -> Rows:
    return np.zeros((0, 0), np.float32)
