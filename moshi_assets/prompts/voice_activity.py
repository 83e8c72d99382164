"""Detection of speech by silero-vad: a small network (MIT) inside its wheel.

Only the wheel's model is used, through onnxruntime: importing the package would load torch and set its threads.
"""

from __future__ import annotations

from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import soxr

RATE = 16000
"""Sample rate of the model in Hz."""
FRAME = 512
"""Samples of a frame: 32 ms."""
CONTEXT = 64
"""Samples before a frame that the model also sees."""
SPEECH = 0.5
"""Probability from which a frame counts as speech, as in the package."""
_MODEL = "silero_vad_16k_sequence.onnx"
_FRAMES_AT_ONCE = 512


class DetectorMissing(ImportError):
    """The package silero-vad is not installed; the message says how to install it."""


def speech_seconds(wave: np.ndarray, sample_rate: int) -> float:
    """Seconds of speech in (N,) float32 samples, full scale 1.

    Raises:
        DetectorMissing: the package is not installed.
    """
    if not len(wave):
        return 0.0
    if sample_rate != RATE:
        wave = soxr.resample(wave, sample_rate, RATE, quality="HQ")
    frames = np.zeros((-(-len(wave) // FRAME), FRAME), np.float32)
    frames.reshape(-1)[: len(wave)] = wave
    before = np.zeros((len(frames), CONTEXT), np.float32)
    before[1:] = frames[:-1, -CONTEXT:]
    seen = np.concatenate([before, frames], axis=1)
    state = {"h": np.zeros((1, 1, 128), np.float32), "c": np.zeros((1, 1, 128), np.float32)}
    spoken = 0
    for first in range(0, len(seen), _FRAMES_AT_ONCE):
        probabilities, state["h"], state["c"] = _model().run(
            ["speech_probs", "hn", "cn"], {"input": seen[first : first + _FRAMES_AT_ONCE], **state}
        )
        spoken += int(np.count_nonzero(probabilities >= SPEECH))
    return min(spoken * FRAME, len(wave)) / RATE


@lru_cache(maxsize=1)
def _model() -> Any:
    """The network; several threads may run it at once, each on one core."""
    import onnxruntime

    package = find_spec("silero_vad")
    if package is None or not package.submodule_search_locations:
        raise DetectorMissing("voice recordings are checked with the package silero-vad: pip install silero-vad")
    options = onnxruntime.SessionOptions()
    options.inter_op_num_threads = options.intra_op_num_threads = 1
    path = Path(package.submodule_search_locations[0]) / "data" / _MODEL
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
