"""How a checkpoint sounds, as 32 hex digits. docs/indextts2.md §11."""

from __future__ import annotations

import hashlib
from pathlib import Path

from .files import CheckpointFiles

FINGERPRINT_BLOCK = 4096
FINGERPRINT_ENDS = 1 << 20
FINGERPRINT_SAMPLES = 64


def file_digest(path: Path) -> bytes:
    """Digest of a file's size, ends and 64 evenly spaced blocks; of the whole file if it has up to 2 MiB.

    The end of a torch file lists the CRC of every tensor in it, so any change to one changes the digest; in other
    large files a change that keeps the size may fall between the samples.
    """
    size = path.stat().st_size
    digest = hashlib.blake2b(str(size).encode(), digest_size=16)
    with path.open("rb") as file:
        if size <= 2 * FINGERPRINT_ENDS:
            digest.update(file.read())
        else:
            digest.update(file.read(FINGERPRINT_ENDS))
            for sample in range(1, FINGERPRINT_SAMPLES + 1):
                file.seek(sample * (size // (FINGERPRINT_SAMPLES + 1)))
                digest.update(file.read(FINGERPRINT_BLOCK))
            file.seek(size - FINGERPRINT_ENDS)
            digest.update(file.read())
    return digest.digest()


def fingerprint(files: CheckpointFiles) -> str:
    """32 hex digits that identify how a model folder sounds, for content keys.

    They depend on file contents only, not on paths, times or the machine. A few MB are read.
    """
    digest = hashlib.blake2b(digest_size=16)
    parts = dict(files.paths, config=files.config_path)
    if files.glossary is not None:
        parts["glossary"] = files.glossary
    if files.qwen_emotion is not None:
        parts |= {f"qwen/{path.name}": path for path in files.qwen_emotion.iterdir() if path.is_file()}
    for name in sorted(parts):
        digest.update(name.encode() + b"\0" + file_digest(parts[name]))
    return digest.hexdigest()
