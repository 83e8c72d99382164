"""What the engine does on a GPU, without one (see pretend_gpu): the same speech as on the CPU."""

import pytest
import torch

from indextts.device.captured_steps import capture_stream
from indextts.infer_v2 import IndexTTS2, SynthesisRequest
from tests.indextts.support.pretend_gpu import pretend_gpu

TEXTS = [
    "Good morning, how are you?",
    "Fine.",
    "Then let us begin with the first of many long questions today.",
    "Yes, do.",
]


@pytest.fixture(autouse=True)
def _streams():
    """None from elsewhere, and none that is left."""
    capture_stream.cache_clear()
    yield
    capture_stream.cache_clear()


@pytest.fixture
def requests(prompt_file):
    """More than there are slots, of two voices and all lengths."""
    voices = [prompt_file(24000, 1.0, 1), prompt_file(24000, 1.5, 2)]
    return [
        SynthesisRequest(text, voices[n % 2], seed=n, min_mel_tokens=12 + 9 * n, max_mel_tokens=12 + 9 * n)
        for n, text in enumerate(TEXTS)
    ]


def speak(folder, requests, device, after_call=lambda _: None):
    """Samples of two calls."""
    tts = IndexTTS2(folder / "config.yaml", folder, device=device, text_readers=0)
    spoken = []
    for _ in range(2):
        results = tts.synthesize(requests, num_beams=1, flow_steps=2, max_batch=3)
        spoken += [torch.as_tensor(result.wav_tensor) for result in results]
        after_call(tts._components.cfm.loops.captures)
    return spoken


def test_a_gpu_says_what_the_cpu_says(checkpoint_dir, requests):
    """On the second GPU of two: nothing may depend on which one the process has current."""
    expected = speak(checkpoint_dir, requests, "cpu")
    captures, loops = [], []

    def after_call(flow_loops):
        loops.append(flow_loops)
        captures.append(graphs.captures - flow_loops)

    with pretend_gpu(count=2) as graphs:
        spoken = speak(checkpoint_dir, requests, "cuda:1", after_call)
    assert graphs.replays > 10 * captures[0] > 0
    # The second call finds the steps of the first captured, and captures those that the first did once only.
    assert captures[1] < 2 * captures[0]
    assert loops[0] == 0 < loops[1]
    for mine, theirs in zip(spoken, expected, strict=True):
        assert mine.shape == theirs.shape
        assert (mine - theirs).abs().max() * 32768 < 8
