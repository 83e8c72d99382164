"""IndexTTS2 inference in PyTorch: text and a voice prompt in, speech out.

    from indextts import IndexTTS2
    tts = IndexTTS2("checkpoints/config.yaml", "checkpoints")
    tts.infer("voice.wav", "Good morning.", "out.wav")

Importing this package loads neither torch nor any model. docs/indextts2.md says how the model works. Each folder and
module imports only from those above it; a test asserts that.

    foreign_files, interrupts    files of strangers, read with limits; Ctrl-C
    text/             written text -> token segments: normalisation, grammars, splitting, reading ahead
    device/           what a device can do: captured steps, compiled functions, streams, number formats, packed weights
    models/           the networks: GPT, flow, vocoder, codec and their parts; tensors in, tensors out, no files
    voice/            a prompt -> conditioning: features, encoder, cache, emotions
    checkpoint/       files and weights: where they lie, download, configuration, keys, pseudo-random checkpoints
    decoding/         the decoding loop: continuous batching, beams, sampling, how many rows fit
    engine/           requests through all stages in batches, with figures of time and memory
    published/        arguments, attributes and methods that callers of the published class use beside infer
    loaded_model      a checkpoint folder, loaded: what the class IndexTTS2 is made of
    infer_v2          the class IndexTTS2 and how it speaks, at the published import path
    tiny              python -m indextts.tiny: writes a pseudo-random checkpoint
    cli               the command indextts
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .checkpoint.config import ConfigError as ConfigError
    from .checkpoint.files import MissingFilesError as MissingFilesError
    from .checkpoint.reading import CheckpointError as CheckpointError
    from .engine.request import Emotion as Emotion
    from .engine.request import InferenceResult as InferenceResult
    from .engine.request import SynthesisRequest as SynthesisRequest
    from .engine.session import SynthesisSession as SynthesisSession
    from .infer_v2 import IndexTTS2 as IndexTTS2

_MODULES = {
    "CheckpointError": ".checkpoint.reading",
    "ConfigError": ".checkpoint.config",
    "Emotion": ".engine.request",
    "IndexTTS2": ".infer_v2",
    "InferenceResult": ".engine.request",
    "MissingFilesError": ".checkpoint.files",
    "SynthesisRequest": ".engine.request",
    "SynthesisSession": ".engine.session",
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
    """The interface, imported when it is asked for: torch takes a second to load."""
    if name in _MODULES:
        return getattr(import_module(_MODULES[name], __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
