"""From a prompt file to the inputs of the prompt encoders: waveforms, log-mel, filterbanks, w2v-bert states.

docs/indextts2.md §2. One prompt is read along two routes that give slightly different 16 kHz signals; both are
part of the model's published behaviour:

- speaker: file -> 22.05 kHz (soxr) -> 16 kHz (windowed sinc);
- emotion: file -> 16 kHz (soxr).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from ..foreign_files import ForeignFileError, require_regular
from .leading_silence import frames_to_skip, read_from

if TYPE_CHECKING:
    from transformers import Wav2Vec2BertConfig

MEL_RATE = 22050
ENCODER_RATE = 16000
MAX_PROMPT_SECONDS = 15
READ_AHEAD_SECONDS = 2
"""Read beyond the limit, so that the resampler's filter ends outside of what is kept."""
# The front ends of both encoders: 25 ms windows every 10 ms at 16 kHz.
FRAME_LENGTH = 400
FRAME_SHIFT = 160
LOG_FLOOR = 1.1920928955078125e-07
"""Smallest energy before the logarithm: the machine epsilon of float32."""
W2V_LAYERS = 17
PROMPT_FORMATS = "WAV, FLAC, OGG, MP3 (whatever libsndfile reads)"


class Spectrogram(NamedTuple):
    """Settings of the 22.05 kHz log-mel; `fmax` None is half the sampling rate."""

    sampling_rate: int = MEL_RATE
    n_fft: int = 1024
    win_length: int = 1024
    hop_length: int = 256
    n_mels: int = 80
    fmin: float = 0.0
    fmax: float | None = None


DEFAULT_SPECTROGRAM = Spectrogram()


def load_audio(path: str | Path, sampling_rate: int, skip_silence: bool = False) -> NDArray[np.float32]:
    """First 15 s of a file, mono, at `sampling_rate` Hz: (N,) float32 in [-1, 1].

    Channels are averaged before soxr's HQ resampler; the cut comes after it. With `skip_silence` a long silence at the
    start is left out (`indextts.voice.leading_silence`).

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it cannot be decoded, or holds no sample.
    """
    import soundfile
    import soxr

    path = require_regular(path, "voice prompt")
    try:
        begin = 0
        if skip_silence:
            with soundfile.SoundFile(path) as file:
                begin = frames_to_skip(file)
        with soundfile.SoundFile(path) as file:
            source_rate = file.samplerate
            limit = (MAX_PROMPT_SECONDS + READ_AHEAD_SECONDS) * source_rate
            channels = read_from(file, begin, limit)
    except soundfile.LibsndfileError as error:
        raise ForeignFileError(f"cannot decode voice prompt {path}: use {PROMPT_FORMATS}") from error
    if len(channels) == 0:
        raise ForeignFileError(f"voice prompt {path} holds no audio: record it again")
    mono = channels.mean(axis=1, dtype=np.float32)
    if source_rate != sampling_rate:
        length = math.ceil(len(mono) * sampling_rate / source_rate)
        mono = soxr.resample(mono, source_rate, sampling_rate, quality="HQ")[:length]
        mono = np.pad(mono, (0, length - len(mono)))
    return np.ascontiguousarray(mono[: MAX_PROMPT_SECONDS * sampling_rate], dtype=np.float32)


@lru_cache(maxsize=1)
def _mel_to_encoder_resampler() -> nn.Module:
    from torchaudio.transforms import Resample

    return Resample(MEL_RATE, ENCODER_RATE)


def resample_to_encoder(audio_22k: Tensor) -> Tensor:
    """22.05 kHz (..., N) -> 16 kHz (..., ceil(N * 320 / 441)), Hann-windowed sinc of width 6 and rolloff 0.99."""
    return _mel_to_encoder_resampler()(audio_22k)


@lru_cache(maxsize=4)
def _mel_filters(spec: Spectrogram) -> Tensor:
    from torchaudio.functional import melscale_fbanks

    fmax = spec.sampling_rate / 2 if spec.fmax is None else spec.fmax
    return melscale_fbanks(
        spec.n_fft // 2 + 1,
        spec.fmin,
        fmax,
        spec.n_mels,
        spec.sampling_rate,
        norm="slaney",
        mel_scale="slaney",
    ).T.contiguous()


def log_mel(audio: Tensor, spec: Spectrogram = DEFAULT_SPECTROGRAM) -> Tensor:
    """Natural-log mel of 22.05 kHz audio: (B, N) float32 in [-1, 1] -> (B, 80, N // 256).

    Reflect padding of (n_fft - hop) / 2, periodic Hann, no centring; magnitude sqrt(re^2 + im^2 + 1e-9), Slaney
    mel filters, floor 1e-5.

    Raises:
        ValueError: the audio is too short to pad.
    """
    pad = (spec.n_fft - spec.hop_length) // 2
    if audio.shape[-1] <= pad:
        raise ValueError(f"audio of {audio.shape[-1]} samples is too short for a mel: more than {pad} are needed")
    padded = F.pad(audio.unsqueeze(1), (pad, pad), mode="reflect").squeeze(1)
    window = torch.hann_window(spec.win_length, device=audio.device)
    spectrum = torch.stft(
        padded,
        spec.n_fft,
        hop_length=spec.hop_length,
        win_length=spec.win_length,
        window=window,
        center=False,
        return_complex=True,
    )
    magnitude = torch.sqrt(spectrum.real.square() + spectrum.imag.square() + 1e-9)
    return torch.matmul(_mel_filters(spec).to(audio.device), magnitude).clamp_min(1e-5).log()


def _check_one_frame(audio_16k: Tensor) -> None:
    if audio_16k.shape[-1] < FRAME_LENGTH:
        raise ValueError(f"voice prompt of {audio_16k.shape[-1]} samples at 16 kHz is shorter than one 25 ms frame")


def style_fbank(audio_16k: Tensor) -> Tensor:
    """Input of the speaker-style network: (N,) in [-1, 1] -> (F, 80), F = 1 + (N - 400) // 160.

    Kaldi log filterbanks (povey window, 20 Hz up to Nyquist) of the unscaled signal, minus each bin's mean.
    """
    from torchaudio.compliance import kaldi

    _check_one_frame(audio_16k)
    features = kaldi.fbank(audio_16k.unsqueeze(0), num_mel_bins=80, sample_frequency=ENCODER_RATE, dither=0.0)
    return features - features.mean(dim=0, keepdim=True)


@lru_cache(maxsize=1)
def _seamless_tables() -> tuple[Tensor, Tensor]:
    """Povey window (400,) and Kaldi mel filters (257, 80), float64 as in the published preprocessor."""
    from transformers.audio_utils import mel_filter_bank, window_function

    filters = mel_filter_bank(
        num_frequency_bins=257,
        num_mel_filters=80,
        min_frequency=20,
        max_frequency=ENCODER_RATE // 2,
        sampling_rate=ENCODER_RATE,
        norm=None,
        mel_scale="kaldi",
        triangularize_in_mel_space=True,
    )
    window = window_function(FRAME_LENGTH, "povey", periodic=False)
    return torch.from_numpy(np.asarray(window)), torch.from_numpy(np.asarray(filters))


def seamless_features(audio_16k: Tensor) -> tuple[Tensor, Tensor]:
    """Input of w2v-bert-2.0: (N,) in [-1, 1] -> features (ceil(F / 2), 160) float32, mask (ceil(F / 2),) bool.

    Kaldi filterbanks of the signal in 16-bit scale, each bin normalised over the utterance (variance with ddof 1,
    + 1e-7), then pairs of frames joined. An odd frame count is completed with a frame of ones, the padding value
    of the published preprocessor; a pair is masked if its second frame is such padding. Computed in float64: the
    normalisation of a nearly constant bin magnifies rounding.
    """
    _check_one_frame(audio_16k)
    window, filters = (table.to(audio_16k.device) for table in _seamless_tables())
    frames = (audio_16k.double() * 32768.0).unfold(0, FRAME_LENGTH, FRAME_SHIFT)
    frames = frames - frames.mean(dim=1, keepdim=True)
    emphasised = torch.cat([frames[:, :1] * (1 - 0.97), frames[:, 1:] - 0.97 * frames[:, :-1]], dim=1)
    power = torch.fft.rfft(emphasised * window, 512).abs().square()
    bins = (power @ filters).clamp_min(LOG_FLOOR).log()
    variance = bins.var(dim=0, keepdim=True, correction=1)
    bins = ((bins - bins.mean(dim=0, keepdim=True)) / torch.sqrt(variance + 1e-7)).float()

    odd = len(bins) % 2
    pairs = F.pad(bins, (0, 0, 0, odd), value=1.0).reshape(-1, 160)
    mask = torch.ones(len(pairs), dtype=torch.bool, device=audio_16k.device)
    if odd:
        mask[-1] = False
    return pairs, mask


class SemanticEncoder(nn.Module):
    """w2v-bert-2.0 up to its 17th layer, normalised by the published statistics.

    The model is transformers' `Wav2Vec2BertModel`; layers above the 17th are never built, as nothing reads them
    (they are 29 % of its cost).
    """

    mean: Tensor
    std: Tensor

    def __init__(self, config: Wav2Vec2BertConfig, layers: int = W2V_LAYERS) -> None:
        from transformers import Wav2Vec2BertModel

        super().__init__()
        if config.num_hidden_layers < layers:
            raise ValueError(f"w2v-bert config has {config.num_hidden_layers} layers, {layers} are needed")
        config.num_hidden_layers = layers
        # Without spec augmentation the model does not create masked_spec_embed.
        config.apply_spec_augment, config.mask_time_prob, config.mask_feature_prob = False, 0.0, 0.0
        self.model = Wav2Vec2BertModel(config)
        self.register_buffer("mean", torch.zeros(config.hidden_size), persistent=False)
        self.register_buffer("std", torch.ones(config.hidden_size), persistent=False)

    def set_statistics(self, mean: Tensor, var: Tensor) -> None:
        """Set mean and variance of the hidden states, (C,) each, from `wav2vec2bert_stats.pt`."""
        self.mean = mean.float().to(self.mean.device)
        self.std = var.float().sqrt().to(self.std.device)

    def forward(self, features: Sequence[Tensor], masks: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Rows of (T_b, 160) with masks (T_b,) -> embeddings (B, T, C) at 50 Hz, lengths (B,) int64.

        Rows are padded on the right; padding changes nothing in the valid frames (its mask is honoured, the
        convolutions are causal). A row's last frame may be masked and still counts (odd frame count).
        """
        device = self.mean.device
        lengths = torch.tensor([len(row) for row in features], device=device)
        batch = nn.utils.rnn.pad_sequence(list(features), batch_first=True).to(device)
        mask = nn.utils.rnn.pad_sequence(list(masks), batch_first=True).to(device)
        hidden = self.model(input_features=batch, attention_mask=mask.long()).last_hidden_state
        return (hidden - self.mean) / self.std, lengths
