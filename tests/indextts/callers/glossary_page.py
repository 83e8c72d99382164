"""As a web page with a glossary does: read it, show it, add a term, save it, speak. MODEL VOICE OUT"""

import json
import os
import sys

from indextts.infer_v2 import IndexTTS2

model_dir, voice, out = sys.argv[1:4]
tts = IndexTTS2(model_dir=model_dir, cfg_path=os.path.join(model_dir, "config.yaml"))
tts.normalizer.load()
tts.normalizer.enable_glossary = True
path = os.path.join(out, os.path.basename(tts.glossary_path))
if os.path.exists(tts.glossary_path):
    tts.normalizer.load_glossary(tts.glossary_path)


def rows() -> list[str]:
    shown = []
    for term, reading in tts.normalizer.term_glossary.items():
        by_language = reading if isinstance(reading, dict) else {"zh": reading, "en": reading}
        shown.append(f"{term} | {by_language.get('zh', '')} | {by_language.get('en', '')}")
    return shown


def add(term: str, zh: str, en: str) -> None:
    tts.normalizer.term_glossary[term] = {"zh": zh, "en": en} if zh and en else zh or en
    tts.normalizer.save_glossary_to_yaml(path)


before = tts.normalizer.normalize("The M.2 disk")
add("M.2", "M二", "M dot two")
add("RAM", "", "memory")
after = tts.normalizer.normalize("The M.2 disk")
spoken = tts.infer(voice, "The M.2 disk and RAM.", os.path.join(out, "glossary.wav"), max_mel_tokens=8)
print(json.dumps({"before": before, "after": after, "rows": rows(), "saved": open(path).read(), "file": spoken}))
