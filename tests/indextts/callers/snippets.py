"""As the published introduction shows it: a voice, an emotion's recording, its strength, a vector, a text, pinyin.
MODEL VOICE OUT
"""

import json
import sys

from indextts.infer_v2 import IndexTTS2

model_dir, voice, out = sys.argv[1:4]
tts = IndexTTS2(
    cfg_path=f"{model_dir}/config.yaml", model_dir=model_dir, use_fp16=False, use_cuda_kernel=False, use_deepspeed=False
)
short = {"max_mel_tokens": 8, "min_mel_tokens": 6}
text = "Translate for me, what is a surprise!"
vector = [0, 0, 0, 0, 0, 0, 0.45, 0]
files = [
    tts.infer(spk_audio_prompt=voice, text=text, output_path=f"{out}/1.wav", verbose=True, **short),
    tts.infer(spk_audio_prompt=voice, text=text, output_path=f"{out}/2.wav", emo_audio_prompt=voice, **short),
    tts.infer(voice, text, f"{out}/3.wav", emo_audio_prompt=voice, emo_alpha=0.9, **short),
    tts.infer(voice, text, f"{out}/4.wav", emo_vector=vector, use_random=False, **short),
    tts.infer(voice, "之前你做DE5很好，所以这一次也DEI3做DE2很好才XING2。", f"{out}/5.wav", **short),
]
rate, samples = tts.infer(voice, text, None, **short)
try:
    tts.infer(voice, text, f"{out}/6.wav", emo_alpha=0.6, use_emo_text=True, emo_text="It scares me.", **short)
    emotion = "spoken"
except FileNotFoundError as error:  # a folder without the emotion model
    emotion = str(error)
print(json.dumps({"files": files, "rate": rate, "shape": list(samples.shape), "emotion": emotion}))
