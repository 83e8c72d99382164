"""Long silence at the start of a recording: only the first seconds of a prompt are used, so they should hold speech.

Not part of the published model. Needs no torch, so that a planner can ask before any model is loaded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from soundfile import SoundFile

FRAME_SECONDS = 0.02
SILENCE_DBFS = -50.0
"""Level of a frame, its mean removed, below which it is silent. Rooms lie below it, quiet speech above."""
SOUND_FRAMES = 5
"""Number of loud frames on end that make a sound: a click is shorter, a vowel is not."""
LONG_SECONDS = 1.0
"""A shorter silence belongs to the recording and stays."""
KEPT_SECONDS = 0.2
"""Part of a long silence that is kept before the first sound: weak consonants begin there."""
MOST_SECONDS = 600.0
"""Length of the part in which the first sound is looked for."""
_BLOCK_FRAMES = 50


def frames_to_skip(file: SoundFile) -> int:
    """Number of samples, of each channel, to skip at the start of a recording.

    It is 0 without a long silence, or if the format can only be read from its start.

    Args:
        file: just opened. It is read in order, in constant memory, and left behind the first sound.
    """
    if not file.seekable():
        return 0
    frame = max(1, round(FRAME_SECONDS * file.samplerate))
    floor = 10 ** (SILENCE_DBFS / 10)
    loud = position = 0
    while position < MOST_SECONDS * file.samplerate:
        block = file.read(_BLOCK_FRAMES * frame, dtype="float32", always_2d=True)
        mono = block[: len(block) // frame * frame].mean(axis=1, dtype=np.float32).reshape(-1, frame)
        with np.errstate(invalid="ignore", over="ignore"):  # what is not finite is judged elsewhere
            sounds = mono.var(axis=1) > floor
        for sound in sounds:
            position += frame
            loud = loud + 1 if sound else 0
            if loud == SOUND_FRAMES:
                silent = position - SOUND_FRAMES * frame
                kept = round(KEPT_SECONDS * file.samplerate)
                return silent - kept if silent > LONG_SECONDS * file.samplerate else 0
        if len(block) < _BLOCK_FRAMES * frame:
            break
    return 0


def read_from(file: SoundFile, start: int, frames: int) -> NDArray[np.float32]:
    """Samples of a file that was just opened, (N, channels) with N at most `frames`, from a sample on.

    A decoder of MP3 that was sent to a place needs frames before it: it gets a second, which is dropped. One call
    reads all, because soundfile seeks after each.
    """
    before = min(start, file.samplerate)
    if start:
        file.seek(start - before)
    return file.read(before + frames, dtype="float32", always_2d=True)[before:]
