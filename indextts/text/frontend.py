"""From written text to token segments: normalisation, sentencepiece tokens, segments.

Source: docs/indextts2.md §4, FACTS 2.3.
"""

import re
from collections.abc import Sequence
from pathlib import Path

import sentencepiece

from indextts.foreign_files import ForeignFileError, require_regular
from indextts.text.normalize import TextNormalizer, load_glossary
from indextts.text.segment import MAX_SEGMENT_TOKENS, split_segments

BPE_SOURCE = "bpe.model of huggingface.co/IndexTeam/IndexTTS-2"
# Scripts written without spaces, their punctuation and full-width forms: every character becomes a word of its own.
_CJK = re.compile(
    "([\u1100-\u11ff\u2e80-\ua4cf\ua840-\ud7af\uf900-\ufaff\ufe30-\ufe4f\uff00-\uffef\U00020000-\U0003ffff])"
)


class TextFrontend:
    """Text -> normalised text -> pieces of the checkpoint's vocabulary -> segments -> ids.

    bpe_model_path: the checkpoint's `bpe.model`.
    glossary_path: a `glossary.yaml` (see `load_glossary`), or None.
    Raises: FileNotFoundError if one of the files is missing, ValueError if it is not what it should be.
    """

    def __init__(self, bpe_model_path: str | Path, glossary_path: str | Path | None = None):
        require_regular(bpe_model_path, "tokenizer model of the checkpoint folder")
        self.pieces = sentencepiece.SentencePieceProcessor()
        try:
            self.pieces.Load(str(bpe_model_path))
        except (RuntimeError, OSError) as error:
            raise ForeignFileError(
                f"{bpe_model_path} is not a sentencepiece model: get it again ({BPE_SOURCE})"
            ) from error
        self.bpe_model_path = Path(bpe_model_path)
        self.normalizer = TextNormalizer(load_glossary(glossary_path) if glossary_path is not None else None)

    @property
    def vocabulary_size(self) -> int:
        return self.pieces.GetPieceSize()

    def normalize(self, text: str) -> str:
        """Spoken form of `text` in its own case, e.g. "It's 3:30 PM" -> "It is three thirty PM"."""
        return self.normalizer.normalize(text)

    def tokenize(self, text: str) -> list[str]:
        """Pieces of a written text; [] for a blank one.

        A single character (blanks aside) is neither normalised nor upper-cased: it stands for itself.
        """
        stripped = text.strip()
        if len(stripped) > 1:
            stripped = self.normalize(text).upper()
        return self.pieces.EncodeAsPieces(_CJK.sub(r" \1 ", stripped))

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
        """The segments that `infer` makes of these pieces, by the name of the published tokenizer."""
        return split_segments(tokenized, max_text_tokens_per_segment, quick_streaming_tokens)

    def convert_tokens_to_ids(self, tokens: Sequence[str]) -> list[int]:
        """:meth:`ids`, by the name of the published tokenizer."""
        return self.ids(tokens)

    def ids(self, pieces: Sequence[str]) -> list[int]:
        """Vocabulary ids of pieces, without start or stop id; a piece outside the vocabulary has the id of `<unk>`."""
        return [self.pieces.PieceToId(piece) for piece in pieces]
