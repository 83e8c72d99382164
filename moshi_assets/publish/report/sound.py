"""Sound of recordings for the page: read in stretches, drawn, and encoded so that every browser can play it."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator

import numpy as np
import soundfile as sf

from ...stereo.recording import CHANNEL, PlacedTurn, Recording
from ...storage.dataset import DatasetStore

PEAKS = 500
"""Points in the waveform of a channel."""


class Unreadable(ValueError):
    """A recording cannot be heard; the message gives the reason and is appended to its name."""


def read_frames(store: DatasetStore, recording: Recording, first: int, frames: int) -> np.ndarray:
    """(frames, 2) int16 of a recording.

    Raises:
        Unreadable: it lies outside the dataset, is damaged, or is not what the index says.
    """
    path = (store.folder / recording.path).resolve()
    if not path.is_relative_to(store.folder.resolve()):
        raise Unreadable("lies outside the dataset")
    try:
        with sf.SoundFile(path) as handle:
            if handle.channels != 2 or handle.samplerate != recording.sample_rate:
                raise Unreadable(f"holds {handle.channels} channel(s) at {handle.samplerate} Hz")
            handle.seek(first)
            samples = handle.read(frames, dtype="int16", always_2d=True)
    except (sf.LibsndfileError, OSError, RuntimeError) as error:
        raise Unreadable(f"cannot be read ({getattr(error, 'error_string', None) or type(error).__name__})") from None
    if len(samples) != frames:
        raise Unreadable(f"is cut short: {len(samples)} of {frames} frames")
    return samples


def read_turns(store: DatasetStore, recording: Recording) -> Iterator[tuple[PlacedTurn, np.ndarray]]:
    """Turns of a recording with their (N,) int16 samples; a turn that cannot be read is left out."""
    for turn in recording.turns:
        try:
            samples = read_frames(store, recording, turn.start, turn.frames)
        except Unreadable:
            continue
        yield turn, np.ascontiguousarray(samples[:, CHANNEL[turn.role]])


def flac(samples: np.ndarray, rate: int) -> str:
    """Base64 of a FLAC: every browser decodes it, bit for bit, and writing it costs a hundredth of what Opus does."""
    out = io.BytesIO()
    sf.write(out, samples, rate, format="FLAC", subtype="PCM_16")
    return base64.b64encode(out.getvalue()).decode("ascii")


def waveform(samples: np.ndarray) -> list[list[int]]:
    """Height of both channels at up to `PEAKS` points, in percent of their common peak."""
    size = np.abs(samples.astype(np.int32))
    edges = np.linspace(0, len(size), min(PEAKS, len(size)) + 1).astype(np.int64)[:-1]
    heights = np.maximum.reduceat(size, edges, axis=0)
    return np.rint(100 * heights.T / max(int(heights.max()), 1)).astype(int).tolist()
