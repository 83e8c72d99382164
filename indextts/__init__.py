"""IndexTTS2 inference in PyTorch: text and a voice prompt in, speech out.

    from indextts import IndexTTS2
    tts = IndexTTS2("checkpoints/config.yaml", "checkpoints")
    tts.infer("voice.wav", "Good morning.", "out.wav")

How the model works is told in docs/indextts2.md. Importing this package loads neither torch nor any model.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from indextts.checkpoint.config import ConfigError as ConfigError
    from indextts.checkpoint.files import CheckpointError as CheckpointError
    from indextts.checkpoint.files import MissingFilesError as MissingFilesError
    from indextts.engine.request import Emotion as Emotion
    from indextts.engine.request import InferenceResult as InferenceResult
    from indextts.engine.request import SynthesisRequest as SynthesisRequest
    from indextts.engine.session import SynthesisSession as SynthesisSession
    from indextts.infer_v2 import IndexTTS2 as IndexTTS2

_HOME = {
    "CheckpointError": "indextts.checkpoint.files",
    "ConfigError": "indextts.checkpoint.config",
    "Emotion": "indextts.engine.request",
    "IndexTTS2": "indextts.infer_v2",
    "InferenceResult": "indextts.engine.request",
    "MissingFilesError": "indextts.checkpoint.files",
    "SynthesisRequest": "indextts.engine.request",
    "SynthesisSession": "indextts.engine.session",
}
__all__ = [
    "CheckpointError",
    "ConfigError",
    "Emotion",
    "IndexTTS2",
    "InferenceResult",
    "MissingFilesError",
    "SynthesisRequest",
    "SynthesisSession",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOME[name]), name)
