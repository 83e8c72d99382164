"""Methods of the published class that `infer` itself does not need, for callers that use them. docs/indextts2.md §1."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from ..engine.samples import pause
from ..engine.silence import MAX_SILENT_CODES, SILENT_CODE, remove_long_silence
from ..voice.emotion import normalize_emo_vec


class PublishedMethods:
    """Methods of the published class, over the functions that do the work."""

    cfg: Any

    def remove_long_silence(
        self, codes: Tensor, silent_token: int = SILENT_CODE, max_consecutive: int = MAX_SILENT_CODES
    ) -> tuple[Tensor, Tensor]:
        """Shorten codes (B, n) to (B, m), with lengths (B,); see `indextts.engine.silence.remove_long_silence`."""
        return remove_long_silence(codes, self.cfg.gpt.stop_mel_token, silent_token, max_consecutive)

    def interval_silence(
        self, wavs: Sequence[Tensor], sampling_rate: int = 22050, interval_silence: int = 200
    ) -> Tensor:
        """Pause of `interval_silence` milliseconds, (channels of the first wav, samples) float32."""
        return pause(interval_silence, sampling_rate).expand(wavs[0].shape[0], -1).clone()

    def insert_interval_silence(
        self, wavs: Sequence[Tensor], sampling_rate: int = 22050, interval_silence: int = 200
    ) -> list[Tensor]:
        """The wavs (channels, n) with a pause between each two; unchanged for a pause of zero or less."""
        if not wavs or interval_silence <= 0:
            return list(wavs)
        silence = self.interval_silence(wavs, sampling_rate, interval_silence).to(wavs[0])
        joined = [wavs[0]]
        for wav in wavs[1:]:
            joined += [silence, wav]
        return joined

    @staticmethod
    def normalize_emo_vec(emo_vector: Sequence[float], apply_bias: bool = True) -> list[float]:
        """8 emotion weights in a range that sounds natural, for user interfaces: biased, their sum at most 0.8."""
        return normalize_emo_vec(emo_vector, apply_bias)
