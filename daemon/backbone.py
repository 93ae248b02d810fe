"""Which backbone workers hear with: what the options want, if this environment has it.

Asked before each job, so that a backbone made meanwhile is used without a restart, and one
that is damaged costs accuracy, not files.
"""

from core import registry
from core.errors import ModelError
from daemon.config import Model

__all__ = ["backbone_folder", "backbone_trouble"]

REMEDY = (
    "run: pip install --no-deps musicnn==0.1.0 && python -m core.learning.backbone "
    '(or set backbone = "none" under [model])'
)


def backbone_folder(options: Model) -> str | None:
    """Return the folder of the backbone to hear with; None for the 135 features alone."""
    if options.backbone == "none" or backbone_trouble(options):
        return None
    return str(registry.backbone_dir())


def backbone_trouble(options: Model) -> str | None:
    """Return why the wanted backbone is not used, in one sentence; None where all is well."""
    if options.backbone == "none":
        return None
    try:
        registry.backbone_file(registry.backbone_dir())
    except ModelError as error:
        return f"{error.what}, so only the 135 features are heard; {REMEDY}"
    return None
