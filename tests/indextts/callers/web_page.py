"""As a web page does: limits from the configuration, a preview of segments, sliders, a progress bar. MODEL VOICE OUT"""

import json
import os
import sys

from indextts.infer_v2 import IndexTTS2

model_dir, voice, out = sys.argv[1:4]
TEXT = "Hello world, this is a test. Did you hear the rain last night?"
tts = IndexTTS2(
    model_dir=model_dir,
    cfg_path=os.path.join(model_dir, "config.yaml"),
    use_fp16=False,
    use_deepspeed=False,
    use_cuda_kernel=False,
)
sliders = {
    "tokens": tts.cfg.gpt.max_text_tokens,
    "codes": tts.cfg.gpt.max_mel_tokens,
    "version": tts.model_version or "1.0",
}


def preview(text: str, limit: int) -> list[list[object]]:
    tokens = tts.tokenizer.tokenize(text)
    segments = tts.tokenizer.split_segments(tokens, max_text_tokens_per_segment=int(limit))
    return [[number, "".join(segment), len(segment)] for number, segment in enumerate(segments)]


def generate(emotion: int, vector: list[float], weight: float, progress: object) -> str:
    tts.gr_progress = progress
    kwargs = {
        "do_sample": True,
        "top_p": 0.8,
        "top_k": 30,
        "temperature": 0.8,
        "length_penalty": 0.0,
        "num_beams": 3,
        "repetition_penalty": 10.0,
        "max_mel_tokens": 8,
    }
    return tts.infer(
        spk_audio_prompt=voice,
        text=TEXT,
        output_path=os.path.join(out, f"page_{emotion}.wav"),
        emo_audio_prompt=voice if emotion == 1 else None,
        emo_alpha=weight,
        emo_vector=tts.normalize_emo_vec(vector, apply_bias=True) if emotion == 2 else None,
        use_emo_text=False,
        emo_text=None,
        use_random=False,
        verbose=False,
        max_text_tokens_per_segment=10,
        **kwargs,
    )


told: list[tuple[float, str]] = []
files = [
    generate(way, [0.9, 0, 0, 0, 0, 0, 0.5, 0], 0.65, lambda value, desc=None: told.append((value, desc)))
    for way in (0, 1, 2)
]
print(json.dumps({"sliders": sliders, "preview": preview(TEXT, 10), "files": files, "progress": [v for v, _ in told]}))
