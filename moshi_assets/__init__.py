"""Moshi Assets: written dialogues in, a two-channel speech dataset for moshi-finetune out."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .api import BuildError, Dataset, DatasetError, Recording, Word, build_dataset

__version__ = "0.1.0"
__all__ = ["BuildError", "Dataset", "DatasetError", "Recording", "Word", "__version__", "build_dataset"]


def __getattr__(name: str) -> Any:
    """The interface, imported when it is asked for: commands that do not need it do not wait for it."""
    if name in __all__:
        return getattr(import_module(".api", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
