"""A recording read back and compared with its row in the index."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from ..faults import Fault
from .recording import CHANNEL, Channels, Recording, UnreadableRecording, checksum, read_channels

SILENCE_DBFS = -60.0
"""A channel whose speech is quieter (RMS over its turns) counts as silent; the contract checker's threshold."""
MAX_CLIPPED = 0.001
"""Largest share of a channel's samples at full scale; the contract checker's threshold."""
_FULL = 32767
_GLANCE = 4096  # frames that nearly always tell two channels apart
_SOME = 16
_CLIP_LEVEL = 32735  # 0.999 of full scale, as the contract checker has it


def recording_faults(folder: Path, recording: Recording) -> list[Fault]:
    """Read a recording back and compare it with its index row.

    Checks: two channels, PCM_16, declared rate and length, each turn's samples bit for bit on its role's channel, exact
    zero elsewhere, no silent or clipped channel, channels not identical.
    """
    try:
        return sound_faults(recording, read_channels(folder, recording))
    except UnreadableRecording as error:
        return [Fault("format", recording.path, str(error))]


class IntactRecordings:
    """Says whether a recording is what its index row says; reads each at most once."""

    def __init__(self, folder: Path, fresh: Iterable[str] = ()) -> None:
        """
        Args:
            folder: the dataset's.
            fresh: paths of recordings that were checked as they were written, which are not read.
        """
        self._folder, self._fresh = folder, frozenset(fresh)
        self._known: dict[tuple[str, bytes], bool] = {}

    def __call__(self, recording: Recording) -> bool:
        if recording.path in self._fresh:
            return True
        row = recording.path, recording.key
        if row not in self._known:
            self._known[row] = not recording_faults(self._folder, recording)
        return self._known[row]

    def is_fresh(self, path: str) -> bool:
        """Whether a recording is among the fresh ones."""
        return path in self._fresh


def sound_faults(recording: Recording, channels: Channels) -> list[Fault]:
    """As `recording_faults`, of a recording in memory."""
    left, right = channels

    def fault(check: str, message: str) -> Fault:
        return Fault(check, recording.path, message)

    faults = []
    if np.array_equal(left[:_GLANCE], right[:_GLANCE]) and np.array_equal(left, right):
        faults.append(fault("channels", "both channels are the same signal"))
    several = len(recording.dialogue_ids) > 1
    for turn in recording.turns:
        span = slice(turn.start, turn.start + turn.frames)
        channel = CHANNEL[turn.role]
        if checksum(channels[channel][span]) != turn.checksum:
            other = checksum(channels[1 - channel][span]) == turn.checksum
            message = "is on the other channel" if other else "differs from what was spoken"
            which = f"turn {turn.turn} ({turn.role})" + (f" of {turn.dialogue_id!r}" if several else "")
            faults.append(fault("roles", f"{which} {message}"))
    for role, channel in CHANNEL.items():
        spans = [(turn.start, turn.start + turn.frames) for turn in recording.turns if turn.role == role]
        faults += (fault(check, message) for check, message in _channel_faults(role, channels[channel], spans))
    return faults


def _channel_faults(role: str, samples: np.ndarray, spans: list[tuple[int, int]]) -> Iterator[tuple[str, str]]:
    """(check, message) for one channel, given where its turns lie: padding, level, clipping."""
    end = 0
    for start, stop in [*sorted(spans), (len(samples), len(samples))]:
        if start > end and np.count_nonzero(samples[end:start]):
            yield "padding", f"the {role} channel is not exact zero outside its turns"
            break
        end = max(end, stop)
    if not spans:
        return
    speech = [samples[start:stop] for start, stop in spans]
    silence = sum(map(len, speech)) * (_FULL * 10 ** (SILENCE_DBFS / 20)) ** 2
    # The energy of some samples is a lower bound; only what is very quiet is added up to the last one.
    if _energy([turn[::_SOME] for turn in speech]) < silence and _energy(speech) < silence:
        yield "silence", f"the {role} channel is silent"
    if any(turn.max() >= _CLIP_LEVEL or turn.min() <= -_CLIP_LEVEL for turn in speech):
        clipped = (np.count_nonzero(samples >= _CLIP_LEVEL) + np.count_nonzero(samples <= -_CLIP_LEVEL)) / len(samples)
        if clipped > MAX_CLIPPED:
            yield "clipping", f"{100 * clipped:.2f} % of the {role} channel is clipped"


def _energy(turns: list[np.ndarray]) -> float:
    """Sum of squares of int16 samples."""
    return sum(float(np.dot(turn, turn)) for turn in (samples.astype(np.float32) for samples in turns))
