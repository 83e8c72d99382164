"""Seeds and content keys: hashes of everything that decides the sound of a task."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

from ..dialogues.dialogue import EmotionSettings
from ..engines.base import Engine, Voice, VoiceError
from ..processes.pools import file_threads
from ..recipe import Recipe

_SOUND_FORMAT = 3
"""Raised when what an engine says is stored or read to it in another way, so that nothing of before is mixed with it.
2: samples are cut towards zero as `infer` does, not rounded; the built-in voice reads shouted sentences as words.
3: engines are given the spoken text and decide nothing about its reading themselves."""
_FAULTS_KEPT = 1000
"""Most unknown voices that are remembered; input is hostile."""


def dialogue_seed(recipe_seed: int, dialogue_id: str) -> int:
    """64-bit seed of a dialogue, from the recipe's seed and the dialogue's identity, not from its place in the file."""
    identity = f"{recipe_seed}\0{dialogue_id}".encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(identity, digest_size=8).digest(), "little")


def task_seeds(dialogue: int, turns: int) -> list[int]:
    """Seeds of a dialogue's turns, 0 <= seed < 2**63 (Weyl sequence: distinct for each turn)."""
    return [(dialogue + turn * 0x9E3779B97F4A7C15) % 2**64 >> 1 for turn in range(turns)]


class ContentKeys:
    """Content keys of tasks: a hash of engine revision, voice content, emotion, spoken text and seed."""

    def __init__(self, engine: type[Engine], recipe: Recipe) -> None:
        self._engine = engine
        self._options = recipe.engine_options
        self._folder = recipe.source_folder
        self._revision = engine.revision(self._options)
        self._voices: dict[str, Voice] = {}
        self._prefixes: dict[str, Any] = {}
        self._faults: dict[str, str] = {}

    @property
    def revision(self) -> str:
        """Revision of the engine and its model."""
        return self._revision

    @property
    def fingerprints(self) -> dict[str, str]:
        """Content fingerprint of every voice that was found, by the name that the engine takes."""
        return {voice.name: voice.fingerprint for voice in self._voices.values()}

    def voice_fault(self, voice: str) -> str | None:
        """The reason why a voice cannot be used, or None."""
        if voice not in self._voices and voice not in self._faults:
            self._remember(voice, self._find(voice))
        return self._faults.get(voice)

    def voice_faults(self, voices: Sequence[str]) -> list[str | None]:
        """The same for several voices, checked on all cores."""
        with file_threads() as threads:
            try:
                found = list(threads.map(self._find, voices))
            except BaseException:
                threads.shutdown(cancel_futures=True)
                raise
        for voice, each in zip(voices, found, strict=True):
            self._remember(voice, each)
        return [each if isinstance(each, str) else None for each in found]

    def _find(self, voice: str) -> Voice | str:
        """A voice, or the reason why it cannot be used."""
        try:
            return self._voices.get(voice) or self._engine.find_voice(self._options, voice, self._folder)
        except VoiceError as error:
            return str(error)

    def _remember(self, voice: str, found: Voice | str) -> None:
        if isinstance(found, str):
            if len(self._faults) == _FAULTS_KEPT:
                self._faults.clear()
            self._faults[voice] = found
        elif voice not in self._voices:
            self._voices[voice] = found
            prefix = f"{_SOUND_FORMAT}\0{self._revision}\0{found.fingerprint}\0".encode()
            self._prefixes[voice] = hashlib.blake2b(prefix, digest_size=16)

    def pool_voices(self, entry: str) -> list[str]:
        """Resolve an entry of a recipe's pool to voices; each must still pass `voice_fault`.

        Raises:
            VoiceError: a pattern that matches none.
        """
        return self._engine.pool_voices(self._options, entry, self._folder)

    def fingerprint(self, voice: str) -> str:
        """Content fingerprint of a voice that has passed `voice_fault`."""
        return self._voices[voice].fingerprint

    def voice_names(self, voices: Iterable[str]) -> list[str]:
        """The names that the engine takes for voices that have passed `voice_fault`."""
        return [self._voices[voice].name for voice in voices]

    def emotion(self, emotion: EmotionSettings | None) -> EmotionSettings | None:
        """The emotion in the form that the engine takes.

        Raises:
            VoiceError: it cannot be used.
        """
        return emotion and self._engine.find_emotion(self._options, emotion, self._folder)

    def keys(
        self,
        texts: Iterable[str],
        voices: Iterable[str],
        seeds: Iterable[int],
        emotions: Iterable[EmotionSettings | None],
    ) -> list[bytes]:
        """Content keys, 16 bytes for each turn.

        Args:
            texts: as they are to be pronounced.
            voices: such as have passed `voice_fault`.
            seeds: as by `task_seeds`.
            emotions: as by `emotion`.
        """
        keys = []
        for text, voice, seed, emotion in zip(texts, voices, seeds, emotions, strict=True):
            digest = self._prefixes[voice].copy()
            digest.update(seed.to_bytes(8, "little") + text.encode())
            if emotion:
                identity = emotion.model_dump_json(exclude={"emo_audio"} if emotion.fingerprint else None)
                digest.update(b"\0" + identity.encode())
            keys.append(digest.digest())
        return keys
