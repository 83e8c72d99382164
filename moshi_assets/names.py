"""Names that reach the disk: dataset names, shard keys, and file stems made from dialogue ids.

Input is hostile: an id may hold path separators, control characters, reserved device names or a megabyte of text.
`file_stem` maps every id to a portable name; distinct ids keep distinct stems.
"""

from __future__ import annotations

import hashlib
import re

MAX_STEM = 100
"""Most characters of a stem. Leaves room for a shard folder, an extension and a temporary suffix below 255 bytes."""

_DEVICE = r"(?i:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\.|\Z)"
_RESERVED = re.compile(_DEVICE)
_SAFE_STEM = re.compile(rf"(?!{_DEVICE})(?:[A-Za-z0-9_][A-Za-z0-9_.-]*[A-Za-z0-9_-]|[A-Za-z0-9_])")
_UNSAFE_CHARACTERS = re.compile(r"[^A-Za-z0-9_.-]+")
_DATASET = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_SHARD = re.compile(r"(?P<dataset>[A-Za-z0-9][A-Za-z0-9_-]{0,63})\.(?P<index>\d{6,})")
INBOX = "inbox"
"""Folder beside the datasets into which dialogue files are dropped."""
_RESERVED_DATASETS = {INBOX}


DIALOGUE_ENDINGS = (".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".tab", ".parquet", ".arrow", ".feather")
"""Endings of files that may hold dialogues."""
COMPRESSED_ENDINGS = (".gz", ".zst", ".bz2")
"""Endings of compressed files, which may follow."""


def without_compression(file_name: str) -> str:
    """A file's name without the ending of its compression."""
    return next((file_name[: -len(end)] for end in COMPRESSED_ENDINGS if file_name.lower().endswith(end)), file_name)


def without_ending(file_name: str) -> str | None:
    """The name of a dialogue file without its endings; None if the file has no such ending.

    >>> without_ending("talks.jsonl.gz")
    'talks'
    """
    name = without_compression(file_name)
    return next((name[: -len(end)] for end in DIALOGUE_ENDINGS if name.lower().endswith(end)), None)


def is_reserved(name: str) -> bool:
    """True for device names that Windows reserves, with or without an extension (`con`, `NUL.txt`)."""
    return bool(_RESERVED.match(name))


def file_stem(dialogue_id: str) -> str:
    """Portable file name (no extension) for a dialogue id.

    A plain id is its own stem. Any other gets a readable slug and `~` with a digest of the id; `~` never occurs in a
    plain stem, so the two kinds cannot meet.
    """
    if len(dialogue_id) <= MAX_STEM and _SAFE_STEM.fullmatch(dialogue_id):
        return dialogue_id
    return hashed_stem(dialogue_id)


def hashed_stem(dialogue_id: str) -> str:
    """Stem that carries a digest of the id: for unsafe ids, and for ids that differ from another only in case."""
    digest = hashlib.blake2b(dialogue_id.encode("utf-8", "surrogatepass"), digest_size=10).hexdigest()
    slug = _UNSAFE_CHARACTERS.sub("_", dialogue_id[:60]).strip("._-") or "id"
    return f"{'_' + slug if is_reserved(slug) else slug}~{digest}"


def check_dataset_name(name: str) -> str:
    """Return `name` if it may name a dataset folder.

    Raises:
        ValueError: it may not; the message names the rule.
    """
    if not _DATASET.fullmatch(name) or is_reserved(name) or name.lower() in _RESERVED_DATASETS:
        raise ValueError(
            f"dataset name {name!r} is not allowed: use 1-64 letters, digits, '_' or '-', starting with a letter or "
            f"digit, and not a reserved name (such as 'con' or 'inbox')"
        )
    return name


def dataset_name_from(file_name: str) -> str:
    """Dataset name suggested by an input file's name: `My talks.jsonl.gz` -> `My_talks`."""
    stem = without_ending(file_name)
    stem = without_compression(file_name) if stem is None else stem
    return check_dataset_name(re.sub(r"[^A-Za-z0-9_-]+", "_", stem).strip("_-")[:64])


def shard_key(dataset: str, index: int) -> str:
    """Partition key of a shard: `<dataset>.<index>`, zero-padded so that keys sort in order."""
    return f"{dataset}.{index:06d}"


def split_shard_key(key: str) -> tuple[str, int]:
    """Dataset and index of a shard key.

    Raises:
        ValueError: when `key` is not a shard key.
    """
    match = _SHARD.fullmatch(key)
    if not match:
        raise ValueError(f"{key!r} is not a shard key of the form <dataset>.<six-digit index>")
    return match["dataset"], int(match["index"])
