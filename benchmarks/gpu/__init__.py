"""What a card makes of IndexTTS2, in one command of at most nine minutes: `python -m benchmarks.gpu`.

It needs the tree, torch, torchaudio, transformers, safetensors, sentencepiece, numpy, pyyaml, soundfile, and
WeTextProcessing or wetext; no network, no checkpoint, no Dagster. The part `parity` also needs pytest and hypothesis,
the part `lane` all of `moshi_assets`.
"""
