"""The list of engines and their modules."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module

from .base import Engine, EngineError


@dataclass(frozen=True)
class EngineEntry:
    """A row of the registry. Engines are imported on use, so that no engine costs the others anything."""

    module: str
    cls: str
    shared: tuple[str, ...] = ()
    """Modules that may be imported before the lanes' processes are forked, so that all of them share the memory."""

    def load(self) -> type[Engine]:
        return getattr(import_module(self.module), self.cls)


ENGINES = {
    "builtin": EngineEntry("moshi_assets.engines.builtin", "BuiltinEngine", ("moshi_assets.engines.hibari_shared",)),
    "noise": EngineEntry("moshi_assets.engines.noise", "NoiseEngine"),
    "indextts2": EngineEntry("moshi_assets.engines.indextts2", "IndexTTS2Engine"),
}


def engine_class(name: str) -> type[Engine]:
    """The class of a registered engine.

    Raises:
        EngineError: unknown name, or its package cannot be imported.
    """
    if name not in ENGINES:
        raise EngineError(f"unknown engine {name!r}: choose one of {', '.join(ENGINES)}")
    try:
        return ENGINES[name].load()
    except ImportError as error:
        raise EngineError(f"engine {name!r} cannot be loaded: {error}") from error
