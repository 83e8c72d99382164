"""As a command line for one sentence does. TEXT -v VOICE -o OUT [-c CONFIG] [--model_dir DIR] [-f] [-d DEVICE]"""

import argparse
import os
import sys

parser = argparse.ArgumentParser()
parser.add_argument("text")
parser.add_argument("-v", "--voice", required=True)
parser.add_argument("-o", "--output_path", default="gen.wav")
parser.add_argument("-c", "--config", default="checkpoints/config.yaml")
parser.add_argument("--model_dir", default="checkpoints")
parser.add_argument("--fp16", action="store_true")
parser.add_argument("-f", "--force", action="store_true")
parser.add_argument("-d", "--device", default=None)
args = parser.parse_args()
if not args.text.strip() or not os.path.exists(args.voice) or (os.path.exists(args.output_path) and not args.force):
    parser.print_help()
    sys.exit(1)

import torch

from indextts.infer_v2 import IndexTTS2

device = args.device or ("cuda:0" if torch.cuda.is_available() else "cpu")
tts = IndexTTS2(args.config, args.model_dir, use_fp16=args.fp16, device=device)
tts.infer(spk_audio_prompt=args.voice, text=args.text.strip(), output_path=args.output_path, max_mel_tokens=8)
