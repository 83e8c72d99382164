"""The dialogues of a shard, and the keys of recordings: hashes of all that decides one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa

from ..dialogues.dialogue import TRAIN, Role, Split
from ..planning.content_keys import dialogue_seed
from ..planning.task_table import dialogue_rows
from ..recipe import Recipe
from .recording import Recording


@dataclass(frozen=True, slots=True)
class ShardDialogue:
    """The tasks of one dialogue, turn by turn."""

    id: str
    line: int
    stem: str
    split: Split
    rows: range
    """Row numbers in the shard's tasks."""
    roles: list[Role]
    gaps: list[float | None]
    backchannels: list[bool]
    content_keys: list[bytes]


def shard_dialogues(tasks: pa.Table) -> list[ShardDialogue]:
    """Dialogues of a shard, in input order."""
    columns: dict[str, list[Any]] = {
        name: tasks.column(name).to_pylist()
        for name in ("line", "stem", "split", "role", "gap", "backchannel", "content_key")
    }
    return [
        ShardDialogue(
            dialogue_id,
            columns["line"][rows[0]],
            columns["stem"][rows[0]],
            columns["split"][rows[0]],
            range(rows[0], rows[-1] + 1),
            *(columns[name][rows[0] : rows[-1] + 1] for name in ("role", "gap", "backchannel", "content_key")),
        )
        for dialogue_id, rows in dialogue_rows(tasks)
    ]


def dialogue_key(dialogue: ShardDialogue, recipe: Recipe) -> bytes:
    """16-byte hash of all that decides a dialogue's sound, its turns' places and its split."""
    settings = f"{recipe.layout}\0{recipe.gap}\0{recipe.sample_rate}\0".encode()
    told = [number for number, gap in enumerate(dialogue.gaps) if gap is not None or dialogue.backchannels[number]]
    more: dict[str, Any] = {}  # only what differs from plain dialogues: their keys stay as they have always been
    if told:
        more["turns"] = [(number, dialogue.gaps[number], dialogue.backchannels[number]) for number in told]
    timing = _timing_settings(dialogue, recipe)
    if timing:
        more["timing"] = timing
    if recipe.target_lufs is not None:
        more["loudness"] = [recipe.target_lufs, recipe.true_peak_dbtp]
    if dialogue.split != TRAIN:
        more["split"] = dialogue.split
    end = json.dumps(more).encode() if more else b""
    return hashlib.blake2b(settings + b"".join(dialogue.content_keys) + end, digest_size=16).digest()


def _timing_settings(dialogue: ShardDialogue, recipe: Recipe) -> dict[str, Any]:
    """What of the recipe, beside layout and gap, decides where a dialogue's turns lie."""
    model = recipe.timing_model
    if model.layout == "overlapped":
        return {}
    settings: dict[str, Any] = {"leading_silence": model.leading_silence} if model.leading_silence else {}
    if model.timing == "natural":
        settings |= asdict(model) | {"seed": dialogue_seed(recipe.seed, dialogue.id)}
    return settings


def recording_key(dialogue_keys: Sequence[bytes], recipe: Recipe) -> bytes:
    """16-byte hash of all that decides a recording, given the keys of its dialogues, in its order."""
    if recipe.pack_seconds is None:
        (key,) = dialogue_keys
        return key
    settings = f"{recipe.pack_seconds}\0{recipe.pack_pause}\0".encode()
    return hashlib.blake2b(settings + b"".join(dialogue_keys), digest_size=16).digest()


def are_current(recordings: Sequence[Recording], tasks: pa.Table, recipe: Recipe) -> bool:
    """True when the recordings of a shard are those of its tasks: every dialogue once, in input order, made as the
    recipe says.
    """
    keys = {dialogue.id: dialogue_key(dialogue, recipe) for dialogue in shard_dialogues(tasks)}
    place = {dialogue_id: number for number, dialogue_id in enumerate(keys)}
    held = [dialogue_id for recording in recordings for dialogue_id in recording.dialogue_ids]
    if len(held) != len(keys) or keys.keys() != set(held):
        return False
    firsts = [place[recording.dialogue_ids[0]] for recording in recordings]
    return firsts == sorted(firsts) and all(
        recording.key == recording_key([keys[dialogue_id] for dialogue_id in recording.dialogue_ids], recipe)
        for recording in recordings
    )
