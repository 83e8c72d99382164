"""As the classic builder of stereo dialogues does: `infer` into mono files, read back, side by side. MODEL VOICE OUT"""

import json
import os
import sys

import numpy as np
import soundfile as sf
import torch

from indextts.infer_v2 import IndexTTS2

model_dir, voice, out = sys.argv[1:4]
torch.manual_seed(42)  # its --seed
tts = IndexTTS2(cfg_path=os.path.join(model_dir, "config.yaml"), model_dir=model_dir, use_fp16=False)
os.makedirs(f"{out}/tmp_mono", exist_ok=True)
dialogues = [{"user_text": "Who is there?", "assistant_text": "It is only the rain."}]
for index, dialogue in enumerate(dialogues):
    name = dialogue.get("id") or f"sample_{index:06d}"
    channels = []
    for role in ("assistant", "user"):
        path = f"{out}/tmp_mono/{name}_{role}.wav"
        tts.infer(
            spk_audio_prompt=voice, text=dialogue[f"{role}_text"], output_path=path, verbose=False, max_mel_tokens=8
        )
        samples, rate = sf.read(path)
        channels.append(samples.mean(axis=1) if samples.ndim > 1 else samples)
    frames = max(map(len, channels))
    padded = [np.pad(channel, (0, frames - len(channel))) for channel in channels]
    sf.write(f"{out}/{name}.wav", np.stack(padded, axis=1), rate)
    print(json.dumps({"path": f"{out}/{name}.wav", "duration": frames / rate}))
