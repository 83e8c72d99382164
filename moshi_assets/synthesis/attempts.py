"""Attempts at one utterance: each has a seed and a key of its own; the first is the task as it was planned."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from ..engines.base import SynthesisTask


def attempt_seed(seed: int, attempt: int) -> int:
    """Seed of an attempt, 0 <= seed < 2**63, from the task's seed; attempt 0 has the task's own."""
    if not attempt:
        return seed
    digest = hashlib.blake2b(f"{seed}\0{attempt}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


def attempt_key(content_key: bytes, attempt: int) -> bytes:
    """16-byte key of an attempt's sound, from the task's content key; attempt 0 has the task's own."""
    if not attempt:
        return content_key
    return hashlib.blake2b(content_key + attempt.to_bytes(4, "little"), digest_size=16).digest()


def rejected_key(content_key: bytes) -> bytes:
    """16-byte key of a task of which no attempt is good enough: no sound has it."""
    return hashlib.blake2b(content_key + b"rejected", digest_size=16).digest()


def attempted(task: SynthesisTask, attempt: int) -> SynthesisTask:
    """The task as the engine is given it for an attempt."""
    if not attempt:
        return task
    return replace(task, seed=attempt_seed(task.seed, attempt), content_key=attempt_key(task.content_key, attempt))


def attempt_keys(content_key: bytes, attempts: int) -> list[bytes]:
    """Keys of all attempts at an utterance, the first one first."""
    return [attempt_key(content_key, attempt) for attempt in range(attempts)]
