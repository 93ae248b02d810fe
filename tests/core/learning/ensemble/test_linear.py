"""What the program explains by is what the exported model says."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core import registry
from core.analysis.features import FEATURES
from core.analysis.runtime import Ensemble
from core.decision.explain import by_block
from core.errors import ModelError
from daemon.judging.explain import linear_of


def test_the_kept_linear_member_says_what_the_exported_one_does(model_dir: Path) -> None:
    """Wild features and all: the shares of the blocks are its log odds."""
    manifest = registry.load(model_dir)
    linear = linear_of(manifest)
    assert linear is not None
    features = np.random.default_rng(3).normal(0, 5, (4, len(FEATURES))).astype(np.float32)
    said = Ensemble(model_dir).score(features)[manifest.kinds.index("linear")].mean(axis=0)

    shares = by_block(features, linear, 0, 2)

    assert sum(share.log_odds for share in shares) == pytest.approx(said[0] - said[2], abs=1e-3)
    assert {share.block for share in shares} == {"", *"ABCDEFGH"}


def test_numbers_that_are_no_linear_member_are_told(tmp_path: Path) -> None:
    """In one sentence, not as a traceback."""
    manifest = registry.load(registry.base_dir(backbone=False))
    np.savez(tmp_path / "linear.npz", blocks=np.array(["A"]))
    (tmp_path / "torn.npz").write_bytes(b"PK\x03\x04")

    for name in ("linear.npz", "torn.npz", "none.npz"):
        with pytest.raises(ModelError, match="cannot be read"):
            linear_of(replace(manifest, folder=tmp_path, linear=name))
