"""Which backbone workers hear with, and which models can be used with what there is.

Asked before each job, so that a backbone made meanwhile is used without a restart, and one
that is damaged costs accuracy, not files.
"""

from pathlib import Path

from core import registry
from core.errors import ModelError
from core.library.hearings import HearingRow
from core.registry import Registry
from daemon.config import Model

__all__ = [
    "backbone_folder",
    "backbone_trouble",
    "is_fully_heard",
    "model_trouble",
    "open_models",
]

REMEDY = (
    "run: pip install --no-deps musicnn==0.1.0 && python -m core.learning.backbone "
    '(or set backbone = "none" under [model])'
)


def open_models(root: Path, options: Model) -> Registry:
    """Return the model versions under *root* and the shipped ones that suit the *options*.

    Whether the backbone is there is asked anew each time that the model in use is.
    """

    def source() -> str | None:
        return registry.backbone_source(registry.backbone_dir())

    return Registry(
        root,
        registry.base_dir(backbone=False),
        registry.base_dir(backbone=True),
        source if options.backbone != "none" else lambda: None,
    )


def model_trouble(models: Registry) -> str | None:
    """Return why another model than the chosen one is in use; None where it is the chosen."""
    missed = models.missed()
    if missed is None:
        return None
    return (
        f"model {missed} hears with the backbone, which is not used here, so"
        f" {models.champion_dir().name} judges in its place; run `make setup` and do not set"
        ' backbone = "none" under [model], or choose a model with `genrewatch models use VERSION`'
    )


def is_fully_heard(kept: HearingRow | None, options: Model) -> bool:
    """Say whether training can learn from *kept* without decoding the track once more."""
    if kept is None or kept.features is None:
        return False
    return kept.segments == 0 or kept.embedding is not None or backbone_folder(options) is None


def backbone_folder(options: Model) -> str | None:
    """Return the folder of the backbone to hear with; None for the 135 features alone."""
    folder = registry.backbone_dir()
    if options.backbone == "none" or registry.backbone_source(folder) is None:
        return None
    return str(folder)


def backbone_trouble(options: Model) -> str | None:
    """Return why the wanted backbone is not used, in one sentence; None where all is well."""
    if options.backbone == "none":
        return None
    try:
        registry.backbone_file(registry.backbone_dir())
    except ModelError as error:
        return f"{error.what}, so only the 135 features are heard; {REMEDY}"
    return None
