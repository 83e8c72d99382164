"""Opens a dialogue file as bytes in UTF-8, whatever its compression and encoding."""

from __future__ import annotations

import bz2
import codecs
import gzip
import io
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from indextts.foreign_files import open_regular

from .faults import DamagedFile

BUFFER = 2**18
_GZIP, _BZIP2, _ZSTD = b"\x1f\x8b", b"BZh", b"\x28\xb5\x2f\xfd"
_REFUSED = {
    b"PK\x03\x04": "a zip archive (or a spreadsheet): unpack it, or save it as CSV",
    b"\xfd7zXZ": "compressed by xz: unpack it, or use .gz, .zst or .bz2",
    b"7z\xbc\xaf": "a 7z archive: unpack it",
    b"\x04\x22\x4d\x18": "compressed by lz4: unpack it, or use .gz, .zst or .bz2",
    b"%PDF": "a PDF: save its text as JSONL or CSV",
    b"\xd0\xcf\x11\xe0": "a spreadsheet: save it as CSV",
    b"RIFF": "a recording: give the file of dialogues",
}
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_UTF16 = {(False, True, False, True): "utf-16le", (True, False, True, False): "utf-16be"}
"""Where the first bytes of a text in Latin letters are zero."""


def open_decompressed(path: Path) -> BinaryIO:
    """Open the content of a file. `.gz`, `.bz2` and `.zst` are detected by their first bytes, not by name.

    Raises:
        ForeignFileError: no regular file.
        OSError: it cannot be opened.
        DamagedFile: it is of a kind that is not read; when it is read, its compressed stream is damaged.
    """
    raw = open_regular(path, BUFFER)
    head = raw.peek(8)
    if head.startswith(_GZIP):
        return _buffered(gzip.GzipFile(fileobj=raw), "gzip")
    if head.startswith(_BZIP2):
        return _buffered(bz2.BZ2File(raw), "bzip2")
    if head.startswith(_ZSTD):
        import pyarrow as pa

        return _buffered(pa.CompressedInputStream(pa.PythonFile(raw, "r"), "zstd"), "zstd")
    for magic, told in _REFUSED.items():
        if head.startswith(magic):
            raise DamagedFile(f"it is {told}")
    return raw


def is_compressed(stream: BinaryIO) -> bool:
    """Whether a stream opened here is being decompressed."""
    return isinstance(getattr(stream, "raw", None), _Decompressed)


def in_utf8(stream: BinaryIO) -> BinaryIO:
    """Convert a text stream to UTF-8 without a byte order mark; UTF-16 and UTF-32 are detected by their mark.

    Raises:
        DamagedFile: it is UTF-16 without one.
    """
    head = stream.peek(4)[:4]  # type: ignore[attr-defined]
    for mark, encoding in _BOMS:
        if head.startswith(mark):
            stream.read(len(mark))
            return stream if encoding == "utf-8" else io.BufferedReader(_Recoded(stream, encoding), BUFFER)
    if unmarked := _UTF16.get(tuple(byte == 0 for byte in head)):
        raise DamagedFile(
            f"it is UTF-16 without a byte order mark: save it as UTF-8 ('iconv -f {unmarked} -t utf-8 OLD > NEW')"
        )
    return stream


def _buffered(stream: Any, kind: str) -> BinaryIO:
    return io.BufferedReader(_Decompressed(stream, kind), BUFFER)


class _Decompressed(io.RawIOBase):
    """A decompressing stream that raises one type of error for every failure."""

    def __init__(self, stream: Any, kind: str) -> None:
        self._stream, self._kind = stream, kind

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            piece = self._stream.read(len(buffer))
        except (gzip.BadGzipFile, EOFError, zlib.error, OSError, ValueError) as error:
            if isinstance(error, OSError) and error.errno:
                raise
            raise DamagedFile(
                f"its {self._kind} stream is cut off or damaged; copy or compress the file again"
            ) from error
        buffer[: len(piece)] = piece
        return len(piece)

    def close(self) -> None:
        self._stream.close()
        super().close()


class _Recoded(io.RawIOBase):
    """Text of another encoding as UTF-8. What is no text of that encoding becomes what is none in UTF-8 either, so that
    only the record that holds it is lost.
    """

    def __init__(self, stream: BinaryIO, encoding: str) -> None:
        self._stream = stream
        self._decode: Callable[..., str] = codecs.getincrementaldecoder(encoding)("surrogatepass").decode
        self._ready = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._ready:
            piece = self._stream.read(BUFFER)
            try:
                text = self._decode(piece, final=not piece)
            except UnicodeDecodeError:
                if not piece:
                    text = "\ud800"
                else:
                    raise DamagedFile("it holds bytes that are no text of its encoding; save it as UTF-8") from None
            self._ready = text.encode("utf-8", "surrogatepass")
            if not piece:
                break
        piece, self._ready = self._ready[: len(buffer)], self._ready[len(buffer) :]
        buffer[: len(piece)] = piece
        return len(piece)

    def close(self) -> None:
        self._stream.close()
        super().close()
