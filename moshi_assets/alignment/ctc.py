"""Word times from a wav2vec2-family CTC model that the user supplies: for other languages, and fast on a GPU.

The model comes from a folder or from the local hub cache; nothing is downloaded.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ..audio.pcm import FULL_SCALE, resample
from ..reading import words_of
from .base import AlignerError, AlignmentError, Utterance, Word, timed_words

BATCH_SECONDS = 120.0
"""Most seconds of audio, padding included, in one batch of the model."""


def model_folder(model: str) -> Path | None:
    """Folder of a CTC model: `model` itself where it is one, else its snapshot in the local hub cache, else None."""
    folder = Path(model).expanduser()
    if (folder / "config.json").is_file():
        return folder.resolve()
    try:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError
    except ImportError:
        return None
    try:
        return Path(snapshot_download(model, local_files_only=True))
    except (LocalEntryNotFoundError, HFValidationError):
        return None


class CtcAligner:
    """Forced alignment by `torchaudio.functional.forced_align`; what the model has no letters for (digits in most) is
    matched by a wildcard.
    """

    name: ClassVar[str] = "ctc"

    def __init__(self, model: str | None, device: str | None = None) -> None:
        """
        Args:
            model: folder or hub name.
            device: torch device; default: a GPU where there is one.
        """
        self._name, self._device = model, device
        self._loaded: CtcModel | None = None

    def align(self, utterances: Sequence[Utterance]) -> list[list[Word] | AlignmentError]:
        if self._loaded is None:
            self._loaded = CtcModel(self._name, self._device)
        results: dict[int, list[Word] | AlignmentError] = {}
        for batch in by_duration(utterances):
            try:
                scores = self._loaded.scores([utterances[number] for number in batch])
            except RuntimeError as error:  # out of memory, say: the rest can still be aligned
                results.update((number, AlignmentError(f"CTC model: {error}")) for number in batch)
                continue
            for number, emission in zip(batch, scores, strict=True):
                try:
                    results[number] = self._align(self._loaded, utterances[number], emission)
                except AlignmentError as error:
                    results[number] = error
        return [results[number] for number in range(len(utterances))]

    def _align(self, model: CtcModel, utterance: Utterance, emission: Any) -> list[Word]:
        import torch
        from torchaudio.functional import forced_align, merge_tokens

        words = words_of(utterance.text)
        letters = [model.letters(word) for word in words]
        targets: list[int] = []
        firsts = []
        for word in letters:
            if word and targets:
                targets += model.delimiter
            firsts.append(len(targets))
            targets += word
        if not any(token != model.star for word in letters for token in word):
            raise AlignmentError("the model has no letter for any word of it")
        repeats = sum(a == b for a, b in pairwise(targets))
        if len(targets) + repeats > len(emission):
            raise AlignmentError(f"{len(targets)} letters do not fit into {len(emission)} frames")
        starred = torch.cat([emission, emission.new_zeros(len(emission), 1)], dim=1)  # the wildcard fits everywhere
        path, scores = forced_align(starred[None], torch.tensor([targets], dtype=torch.int32), blank=model.blank)
        spans = merge_tokens(path[0], scores[0], blank=model.blank)
        if len(spans) != len(targets):
            raise AlignmentError("the model's path does not hold every letter")
        seconds = utterance.duration / len(emission)
        times = np.full((len(words), 2), np.nan)
        for number, (first, word) in enumerate(zip(firsts, letters, strict=True)):
            if word:
                times[number] = spans[first].start, spans[first + len(word) - 1].end
        return timed_words(words, times * seconds, utterance.duration)


class CtcModel:
    """A loaded model with its alphabet and sample rate."""

    def __init__(self, name: str | None, device: str | None) -> None:
        folder = model_folder(name) if name else None
        if folder is None:
            raise AlignerError(
                f"aligner 'ctc' needs a wav2vec2-family CTC model: ctc_model is {name!r}, which is neither a folder "
                f"with a "
                f"config.json nor a model in the local hub cache (nothing is downloaded)"
            )
        try:
            import torch
            from transformers import AutoFeatureExtractor, AutoModelForCTC, AutoTokenizer
        except ImportError as error:
            raise AlignerError(f"aligner 'ctc' needs torch, torchaudio and transformers ({error})") from None
        try:
            tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
            self._extractor = AutoFeatureExtractor.from_pretrained(folder, local_files_only=True)
            model = AutoModelForCTC.from_pretrained(folder, local_files_only=True)
        except Exception as error:  # whatever the libraries make of a damaged or dangerous file
            raise AlignerError(
                f"CTC model {folder} cannot be loaded: a file of it is missing, damaged or of another kind; get the "
                f"folder again"
            ) from error
        if model.main_input_name != "input_values":
            raise AlignerError(
                f"CTC model {folder} hears {model.main_input_name}, not sound: use a wav2vec2-family one"
            )
        self._device = device or ("cuda" if torch.cuda.is_available() else "cpu")
        self._model = model.to(self._device).eval()
        self._rate = self._extractor.sampling_rate
        self._vocabulary: dict[str, int] = tokenizer.get_vocab()
        self._characters: dict[int, str] = {}
        self._special = set(tokenizer.all_special_tokens)
        self.blank: int = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else 0
        self.star: int = model.config.vocab_size
        """Number of the wildcard, one past the alphabet."""
        delimiter = self._vocabulary.get(getattr(tokenizer, "word_delimiter_token", None) or "")
        self.delimiter: list[int] = [] if delimiter is None else [delimiter]

    def letters(self, word: str) -> list[int]:
        """Numbers of a word's letters: as written, else in the alphabet's case; a wildcard for a run it lacks."""
        found: list[int] = []
        for character in "".join(word.split()):
            for form in (character, character.lower(), character.upper()):
                number = self._vocabulary.get(form)
                if number is not None and form not in self._special and number != self.blank:
                    found.append(number)
                    break
            else:
                if character.isalnum() and found[-1:] != [self.star]:
                    found.append(self.star)
        return found

    def spelling(self, numbers: Sequence[int]) -> str:
        """Letters of alphabet numbers, upper and lower case as the model has them; a delimiter is a space."""
        if not self._characters:
            self._characters = {number: token for token, number in self._vocabulary.items()}
        spaces = set(self.delimiter)
        tokens = (" " if number in spaces else self._characters.get(number, "") for number in numbers)
        return "".join(token for token in tokens if token == " " or token not in self._special)

    def scores(self, utterances: Sequence[Utterance]) -> list[Any]:
        """Log probabilities of each utterance, (frames, alphabet) float32 on the CPU."""
        import torch

        waves = [resample(u.samples, u.sample_rate, self._rate).astype(np.float32) / FULL_SCALE for u in utterances]
        inputs = self._extractor(
            waves, sampling_rate=self._rate, padding=True, return_tensors="pt", return_attention_mask=True
        )
        values = inputs["input_values"].to(self._device)
        # Models with group normalisation were trained without a mask (their extractor says so); zeros pad them.
        mask = inputs["attention_mask"].to(self._device) if self._extractor.return_attention_mask else None
        with torch.inference_mode():
            logits = self._model(values, attention_mask=mask).logits
        lengths = self._model._get_feat_extract_output_lengths(torch.tensor([len(wave) for wave in waves]))
        scores = torch.log_softmax(logits.float(), dim=-1).cpu()
        return [row[: int(length)] for row, length in zip(scores, lengths, strict=True)]


def by_duration(utterances: Sequence[Utterance]) -> list[list[int]]:
    """Group the indices of utterances into batches of similar length, to keep the padding small."""
    batches: list[list[int]] = []
    for number in sorted(range(len(utterances)), key=lambda number: utterances[number].duration):
        batch = batches[-1] if batches else []
        if not batch or (len(batch) + 1) * utterances[number].duration > BATCH_SECONDS:
            batches.append([])
        batches[-1].append(number)
    return batches
