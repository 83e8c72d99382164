"""As a node of a graph does: a seed widget, the audio as a batch of tensors, the memory of each part, unloading.

MODEL VOICE OUT
"""

import gc
import json
import sys

import torch

from indextts import IndexTTS2

model_dir, voice, out = sys.argv[1:4]


class Node:
    def __init__(self) -> None:
        self.tts: IndexTTS2 | None = IndexTTS2(cfg_path=f"{model_dir}/config.yaml", model_dir=model_dir, device="cpu")

    def generate(self, text: str, seed: int) -> dict[str, object]:
        torch.manual_seed(seed)
        rate, samples = self.tts.infer(spk_audio_prompt=voice, text=text, output_path=None, max_mel_tokens=8)
        waveform = torch.from_numpy(samples).float().T.unsqueeze(0) / 32768.0
        return {"waveform": waveform, "sample_rate": rate}

    def memory(self) -> dict[str, int]:
        parts = ("gpt", "semantic_model", "semantic_codec", "s2mel", "campplus_model", "bigvgan")
        return {name: sum(p.numel() for p in getattr(self.tts, name).parameters()) for name in parts}

    def unload(self) -> None:
        self.tts = None
        gc.collect()


node = Node()
first, again, other = node.generate("Hello.", 7), node.generate("Hello.", 7), node.generate("Hello.", 8)
result = node.tts.infer(voice, "Hello.", None, return_audio=True, max_mel_tokens=8)
memory, where = node.memory(), f"{node.tts.device} {node.tts.dtype} {node.tts.use_fp16}"
on_gpu = node.tts.device.startswith("cuda") or "cuda" in node.tts.device
rates = node.tts.cfg["s2mel"]["preprocess_params"]["sr"], node.tts.cfg.s2mel.preprocess_params.sr
offload = hasattr(node.tts, "mel_fn")
node.unload()
print(
    json.dumps(
        {
            "shape": list(first["waveform"].shape),
            "repeats": torch.equal(first["waveform"], again["waveform"]),
            "differs": not torch.equal(first["waveform"], other["waveform"]),
            "audio": result.audio.dim() == 1 and result.audio is result.wav_tensor,
            "memory": all(memory.values()),
            "where": where,
            "on_gpu": on_gpu,
            "rates": rates,
            "offload": offload,
        }
    )
)
