"""The command `indextts`: speak a text, check a checkpoint folder, or fetch what it lacks.

indextts "Good morning." --voice voice.wav -o out.wav
indextts check checkpoints
indextts download checkpoints
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .interrupts import EXIT_INTERRUPTED, end_quietly, ending_at_once, raise_interrupts

if TYPE_CHECKING:
    from .engine.request import Emotion

logger = logging.getLogger(__name__)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code.

    It is 0 on success, 1 for a folder or a call that fails, 2 for wrong arguments, 130 if it was interrupted.
    """
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    command = {"check": _check, "download": _download}.get(arguments[0] if arguments else "")
    raise_interrupts()
    try:
        return command(arguments[1:]) if command else _speak(arguments)
    except KeyboardInterrupt:
        end_quietly()
        sys.stderr.write("\ninterrupted\n")
        return EXIT_INTERRUPTED
    finally:
        end_quietly()


def _add_model_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--cfg-path", type=Path, help="config.yaml (default: that of the model folder)")
    parser.add_argument(
        "--aux",
        action="append",
        default=[],
        metavar="NAME=PATH",
        help="place of an auxiliary model: w2v_bert, semantic_codec, campplus or bigvgan",
    )


def _aux_paths(parser: argparse.ArgumentParser, given: Sequence[str]) -> dict[str, str]:
    pairs = [item.partition("=") for item in given]
    for name, equals, path in pairs:
        if not (name and equals and path):
            parser.error(f"--aux expects NAME=PATH, not {name + equals + path!r}")
    return {name: path for name, _, path in pairs}


def _check(arguments: Sequence[str]) -> int:
    with ending_at_once():
        from .checkpoint.check import check_folder

    parser = argparse.ArgumentParser(prog="indextts check", description="Reports the state of a checkpoint folder.")
    parser.add_argument("model_dir", type=Path)
    _add_model_arguments(parser)
    options = parser.parse_args(arguments)
    findings = check_folder(options.model_dir, options.cfg_path, _aux_paths(parser, options.aux))
    sys.stdout.write("".join(f"{finding}\n" for finding in findings))
    return 0 if all(finding.good for finding in findings) else 1


def _download(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="indextts download",
        description="Fetches the files that a checkpoint folder lacks from the Hugging Face hub (HF_ENDPOINT names "
        "another "
        "one), several GB in all. Interrupted, the same command goes on.",
    )
    parser.add_argument("model_dir", type=Path, help="made if it is missing")
    _add_model_arguments(parser)
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    logging.getLogger("httpx2").setLevel(logging.WARNING)

    with ending_at_once():
        from .checkpoint.download import LICENCE_NOTE, DownloadError, download_missing
        from .checkpoint.files import MissingFilesError, locate

    aux_paths = _aux_paths(parser, options.aux)
    cfg_path = options.cfg_path or options.model_dir / "config.yaml"
    try:
        fetched = download_missing(options.model_dir, cfg_path, aux_paths)
        locate(cfg_path, options.model_dir, aux_paths)
    except (DownloadError, MissingFilesError, OSError, ValueError) as error:
        logger.error("%s", error)
        return 1
    if fetched.files:
        logger.info("%s", LICENCE_NOTE)
    logger.info("%s is complete; `indextts check %s` looks into it", options.model_dir, options.model_dir)
    return 0


def _speak(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="indextts",
        description="Speaks a text with the voice of a recording. `indextts check DIR` checks a checkpoint "
        "folder, `indextts download DIR` fetches what it lacks.",
    )
    parser.add_argument("text")
    parser.add_argument("--voice", type=Path, required=True, help="recording of the voice; its first 15 s count")
    parser.add_argument("-o", "--output", type=Path, default=Path("out.wav"), help="16-bit WAV (default: out.wav)")
    parser.add_argument("--model-dir", type=Path, default=Path("checkpoints"), help="default: checkpoints")
    _add_model_arguments(parser)
    parser.add_argument(
        "--emotion",
        help="a recording, weights such as happy=0.6,calm=0.2 (or 8 numbers), or a description in words",
    )
    parser.add_argument("--emotion-alpha", type=float, default=1.0, help="strength of the emotion, 0 to 1")
    parser.add_argument(
        "--normalizer",
        default="published",
        metavar="NAME",
        help="how numbers and signs become words: published (the model's own way), verbatim (not at all: the text is "
        "spelled out already), or an installed one such as spoken (default: published)",
    )
    parser.add_argument("--seed", type=int, help="the same seed gives the same audio (default: another every time)")
    parser.add_argument("--greedy", action="store_true", help="the likeliest codes instead of drawn ones")
    parser.add_argument("--max-mel-tokens", type=int, help="at most so many codes a segment (50 a second)")
    parser.add_argument("--device", help="default: a GPU if there is one")
    parser.add_argument("--fp16", action="store_true", help="half precision for the GPT, on a GPU")
    parser.add_argument("--bf16", action="store_true", help="bfloat16 for the GPT, on a GPU")
    parser.add_argument("--download", action="store_true", help="fetch missing files of the model")
    parser.add_argument("-v", "--verbose", action="store_true")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)

    with ending_at_once():
        import torch

        from .infer_v2 import IndexTTS2

    if options.seed is None:
        torch.seed()  # torch begins alike in every process
    try:
        tts = IndexTTS2(
            options.cfg_path or options.model_dir / "config.yaml",
            options.model_dir,
            use_fp16=options.fp16,
            use_bf16=options.bf16,
            device=options.device,
            aux_paths=_aux_paths(parser, options.aux),
            download=options.download,
            normalizer=options.normalizer,
        )
        emotion = parse_emotion(options.emotion, options.emotion_alpha)
        generation: dict[str, Any] = {"do_sample": False, "num_beams": 1} if options.greedy else {}
        if options.max_mel_tokens is not None:
            generation["max_mel_tokens"] = options.max_mel_tokens
        tts.infer(
            options.voice,
            options.text,
            options.output,
            emo_audio_prompt=emotion.emo_audio,
            emo_alpha=emotion.emo_alpha,
            emo_vector=emotion.emo_vector,
            use_emo_text=emotion.emo_text is not None,
            emo_text=emotion.emo_text,
            verbose=options.verbose,
            seed=options.seed,
            **generation,
        )
    except (OSError, ValueError, RuntimeError) as error:
        logger.error("%s", error)
        return 1
    logger.info("wrote %s", options.output)
    return 0


def parse_emotion(given: str | None, alpha: float = 1.0) -> Emotion:
    """Read the `--emotion` argument: an existing file, weights by name, 8 numbers, or else a description.

    Raises:
        ValueError: a weight has an unknown name.
    """
    from .engine.request import Emotion
    from .voice.emotion import EMOTIONS

    if given is None:
        return Emotion()
    if Path(given).is_file():
        return Emotion(emo_audio=given, emo_alpha=alpha)
    parts = [part.strip() for part in given.split(",")]
    if all("=" in part for part in parts):
        weights = {name.strip(): float(weight) for name, weight in (part.split("=", 1) for part in parts)}
        unknown = sorted(set(weights) - set(EMOTIONS))
        if unknown:
            raise ValueError(f"unknown emotions {unknown}; known are {', '.join(EMOTIONS)}")
        return Emotion(emo_vector=tuple(weights.get(name, 0.0) for name in EMOTIONS), emo_alpha=alpha)
    if len(parts) == len(EMOTIONS):
        try:
            return Emotion(emo_vector=tuple(map(float, parts)), emo_alpha=alpha)
        except ValueError:
            pass
    return Emotion(emo_text=given, emo_alpha=alpha)


if __name__ == "__main__":
    sys.exit(main())
