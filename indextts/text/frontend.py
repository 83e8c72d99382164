"""From written text to token segments: normalisation, sentencepiece tokens, segments.

Source: docs/indextts2.md §4.
"""

from __future__ import annotations

import logging
import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path

import sentencepiece

from ..foreign_files import ForeignFileError, require_regular
from .normalize import TextNormalizer, load_glossary
from .normalizers import Reading, make_normalizer
from .segment import MAX_SEGMENT_TOKENS, split_segments

logger = logging.getLogger(__name__)

BPE_SOURCE = "bpe.model of huggingface.co/IndexTeam/IndexTTS-2"
BLANK = "\u2581"
"""Sentencepiece's mark for a blank before a piece. Alone it is a piece that the vocabulary has."""
# Scripts written without spaces, their punctuation and full-width forms: every character becomes a word of its own.
_CJK = re.compile(
    "([\u1100-\u11ff\u2e80-\ua4cf\ua840-\ud7af\uf900-\ufaff\ufe30-\ufe4f\uff00-\uffef\U00020000-\U0003ffff])"
)


def _base(character: str) -> str:
    """A letter without its accents: \u00c9 -> E."""
    return unicodedata.normalize("NFD", character)[0]


class TextFrontend:
    """Turns a text into spoken words, pieces of the checkpoint's vocabulary, segments and ids.

    It needs the vocabulary only, not the model, and so can say what a voice can speak before anything is loaded.

    Args:
        bpe_model_path: the checkpoint's `bpe.model`.
        glossary_path: a `glossary.yaml` (see `load_glossary`), or None; only the published normalizer uses it.
        normalizer: `published`, `verbatim`, the name of an installed one or a function, see `make_normalizer`.

    Raises:
        FileNotFoundError: one of the files is missing.
        ValueError: a file is not what it should be, or nothing is installed by the name of the normalizer.
    """

    def __init__(
        self,
        bpe_model_path: str | Path,
        glossary_path: str | Path | None = None,
        normalizer: str | Reading = "published",
    ):
        require_regular(bpe_model_path, "tokenizer model of the checkpoint folder")
        self.pieces = sentencepiece.SentencePieceProcessor()
        try:
            self.pieces.Load(str(bpe_model_path))
        except (RuntimeError, OSError) as error:
            raise ForeignFileError(
                f"{bpe_model_path} is not a sentencepiece model: get it again ({BPE_SOURCE})"
            ) from error
        self.bpe_model_path = Path(bpe_model_path)
        glossary = load_glossary(glossary_path) if glossary_path is not None else None
        self.normalizer = make_normalizer(normalizer, glossary)
        if glossary and not isinstance(self.normalizer, TextNormalizer):
            logger.warning("%s is not used: the normalizer is %r, not 'published'", glossary_path, normalizer)

    def normalize(self, text: str) -> str:
        """Spoken form of `text` in its own case: "It's 3:30 PM" -> "It is three thirty PM"."""
        return self.normalizer.normalize(text)

    def tokenize(self, text: str) -> list[str]:
        """Pieces of a written text; [] for a blank one.

        The published front end neither normalises nor upper-cases a single character (blanks aside). With any other, a
        letter that the vocabulary lacks is taken without its accent: "CAFE" for "caf\u00e9".
        """
        stripped, published = text.strip(), isinstance(self.normalizer, TextNormalizer)
        if len(stripped) > 1 or not published:
            stripped = self.normalize(text).upper()
        stripped = _CJK.sub(r" \1 ", stripped)
        pieces: list[str] = self.pieces.EncodeAsPieces(stripped)
        if not published and (lacking := set("".join(self.unknown_among(pieces)))):
            pieces = self.pieces.EncodeAsPieces("".join(_base(c) if c in lacking else c for c in stripped))
        return pieces

    def unknown(self, text: str) -> list[str]:
        """Pieces of a text that the vocabulary lacks, in order: what the model has no sound for.

        Neighbouring characters are one piece; a blank is none. [] for a text that is known altogether.
        """
        return self.unknown_among(self.tokenize(text))

    def unknown_among(self, pieces: Sequence[str]) -> list[str]:
        """Pieces out of those of `tokenize` that the vocabulary lacks, in order."""
        unknown = self.pieces.unk_id()
        return [piece.strip(BLANK) for piece in pieces if self.pieces.PieceToId(piece) == unknown]

    def segments(
        self, text: str, max_tokens: int = MAX_SEGMENT_TOKENS, quick_streaming_tokens: int = 0
    ) -> list[list[str]]:
        """Pieces of a written text, cut into segments (see `split_segments`); [] for a blank text."""
        return split_segments(self.tokenize(text), max_tokens, quick_streaming_tokens)

    @staticmethod
    def split_segments(
        tokenized: Sequence[str],
        max_text_tokens_per_segment: int = MAX_SEGMENT_TOKENS,
        quick_streaming_tokens: int = 0,
    ) -> list[list[str]]:
        """Segments that `infer` would speak, under the name that the published tokenizer has for them."""
        return split_segments(tokenized, max_text_tokens_per_segment, quick_streaming_tokens)

    def convert_tokens_to_ids(self, tokens: Sequence[str]) -> list[int]:
        """Ids as of `ids`, under the name that the published tokenizer has for it."""
        return self.ids(tokens)

    def ids(self, pieces: Sequence[str]) -> list[int]:
        """Vocabulary ids of pieces, without start or stop id; a piece outside the vocabulary has the id of `<unk>`."""
        return [self.pieces.PieceToId(piece) for piece in pieces]
