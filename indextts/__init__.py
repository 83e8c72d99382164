"""IndexTTS2 inference in PyTorch: text and a voice prompt in, speech out.

    from indextts import IndexTTS2
    tts = IndexTTS2("checkpoints/config.yaml", "checkpoints")
    tts.infer("voice.wav", "Good morning.", "out.wav")

How the model works is told in docs/indextts2.md. Importing this package loads neither torch nor any model.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from indextts.checkpoints import CheckpointError as CheckpointError
    from indextts.checkpoints import MissingFilesError as MissingFilesError
    from indextts.config import ConfigError as ConfigError
    from indextts.infer_v2 import IndexTTS2 as IndexTTS2
    from indextts.request import Emotion as Emotion
    from indextts.request import InferenceResult as InferenceResult
    from indextts.request import SynthesisRequest as SynthesisRequest
    from indextts.session import SynthesisSession as SynthesisSession

_HOME = {
    "CheckpointError": "indextts.checkpoints",
    "ConfigError": "indextts.config",
    "Emotion": "indextts.request",
    "IndexTTS2": "indextts.infer_v2",
    "InferenceResult": "indextts.request",
    "MissingFilesError": "indextts.checkpoints",
    "SynthesisRequest": "indextts.request",
    "SynthesisSession": "indextts.session",
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
