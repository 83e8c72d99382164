"""Number formats by stage: what may be asked for, and how far the sound is from float32's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from indextts import IndexTTS2, SynthesisRequest
from indextts.device.precision import stage_dtypes
from indextts.voice.features import log_mel

TEXT = "Good morning, and welcome to the museum."


def load(folder: Path, **settings: Any) -> IndexTTS2:
    return IndexTTS2(folder / "config.yaml", folder, device="cpu", use_qwen_emo=False, **settings)


def test_everything_is_float32_unless_asked_for():
    assert set(stage_dtypes(None).values()) == {torch.float32}


def test_a_stage_that_is_named_comes_before_the_published_switch():
    assert stage_dtypes({"gpt": "fp32", "flow": "bf16"}, use_bf16=True) == {
        "gpt": torch.float32,
        "flow": torch.bfloat16,
        "vocoder": torch.float32,
    }


@pytest.mark.parametrize(
    ("precision", "message"),
    [({"decoder": "bf16"}, "the stages are gpt, flow, vocoder"), ({"flow": "int8"}, "expected fp32, bf16, fp16")],
)
def test_what_does_not_exist_is_refused(checkpoint_dir: Path, precision: dict[str, str], message: str):
    with pytest.raises(ValueError, match=message):
        load(checkpoint_dir, precision=precision)


def test_both_switches_are_refused(checkpoint_dir: Path):
    with pytest.raises(ValueError, match="not both"):
        load(checkpoint_dir, use_fp16=True, use_bf16=True)


@pytest.mark.parametrize("precision", [{"flow": "bf16"}, {"vocoder": "bf16"}, {"flow": "bf16", "vocoder": "bf16"}])
def test_half_precision_after_the_codes_sounds_nearly_the_same(tts, checkpoint_dir, prompt_file, precision):
    half = load(checkpoint_dir, precision=precision)
    request = SynthesisRequest(TEXT, prompt_file(22050, 1.6, 3), 7, None, 20, 20)

    (exact,) = tts.synthesize([request], num_beams=1)
    (near,) = half.synthesize([request], num_beams=1)

    assert near.wav_tensor.shape == exact.wav_tensor.shape and not torch.equal(near.wav_tensor, exact.wav_tensor)
    difference = log_mel(near.wav_tensor[None]) - log_mel(exact.wav_tensor[None])
    spread = log_mel(exact.wav_tensor[None]).std()
    assert float(difference.square().mean().sqrt()) < 0.3 * float(spread)


def test_the_gpt_in_half_precision_speaks(checkpoint_dir, prompt_file):
    half = load(checkpoint_dir, precision={"gpt": "bf16"})

    (result,) = half.synthesize([SynthesisRequest(TEXT, prompt_file(22050, 1.6, 3), 7, None, 20, 20)], num_beams=1)

    assert len(result.wav_tensor) == int(20 * 1.72) * 256 and bool(torch.isfinite(result.wav_tensor).all())
