"""Methods of the published class that outside callers use."""

from __future__ import annotations

from types import SimpleNamespace

import torch

from indextts.published.methods import PublishedMethods


class Model(PublishedMethods):
    cfg = SimpleNamespace(gpt=SimpleNamespace(stop_mel_token=8193))  # type: ignore[assignment]


def test_pauses_stand_between_segments_only() -> None:
    wavs = [torch.ones(1, 100), torch.full((1, 50), 2.0)]

    joined = Model().insert_interval_silence(wavs, sampling_rate=22050, interval_silence=200)

    assert [part.shape for part in joined] == [(1, 100), (1, 4410), (1, 50)]
    assert not joined[1].any()


def test_without_a_pause_the_segments_stay_as_they_are() -> None:
    wavs = [torch.ones(1, 100), torch.ones(1, 50)]

    assert Model().insert_interval_silence(wavs, interval_silence=0) == wavs


def test_codes_end_at_the_stop_code_and_long_silence_is_thinned() -> None:
    codes = torch.tensor([[7, *[52] * 40, 8, 8193, 52]])

    shortened, lengths = Model().remove_long_silence(codes)

    assert shortened.tolist() == [[7, *[52] * 10, 8]]
    assert lengths.tolist() == [12]
