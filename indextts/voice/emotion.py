"""Emotion as eight weights: scaling them, turning them into a conditioning vector, and reading them out of a text.

Source: docs/indextts2.md §3.
"""

from __future__ import annotations

import logging
import re
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..foreign_files import ForeignFileError, MissingFileError

logger = logging.getLogger(__name__)

EMOTIONS = ("happy", "angry", "sad", "afraid", "disgusted", "melancholic", "surprised", "calm")
"""The order of the weights everywhere: emo_vector, the groups of feat1.pt and feat2.pt, QwenEmotion."""
BIAS = (0.9375, 0.875, 1.0, 1.0, 0.9375, 0.9375, 0.6875, 0.5625)
MAX_WEIGHT_SUM = 0.8
MAX_SCORE = 1.2

Generators = torch.Generator | Sequence[torch.Generator]


def check_emo_vector(vector: Sequence[float]) -> list[float]:
    """The eight weights as floats.

    Raises:
        ValueError: they are not eight finite numbers.
    """
    weights = [float(weight) for weight in vector]
    if len(weights) != len(EMOTIONS) or not all(abs(weight) < float("inf") for weight in weights):
        raise ValueError(f"an emotion vector is {len(EMOTIONS)} finite numbers ({', '.join(EMOTIONS)}), not {vector!r}")
    return weights


def normalize_emo_vec(vector: Sequence[float], apply_bias: bool = True) -> list[float]:
    """Weights for balanced speech: each times its bias, then all scaled down so that they sum to 0.8 at most.

    `infer` does not do this; it is for user interfaces with sliders. `apply_bias=False` leaves the bias out.
    """
    weights = [weight * bias for weight, bias in zip(vector, BIAS, strict=True)] if apply_bias else list(vector)
    total = sum(weights)
    if total > MAX_WEIGHT_SUM:
        weights = [weight * (MAX_WEIGHT_SUM / total) for weight in weights]
    return weights


def scale_emo_vector(vector: Sequence[float], alpha: float) -> list[float]:
    """Weights times `alpha` clipped to [0, 1], cut (not rounded) to four decimals; alpha >= 1 leaves them untouched."""
    scale = max(0.0, min(1.0, alpha))
    if scale == 1.0:
        return list(vector)
    return [int(weight * scale * 10000) / 10000 for weight in vector]


class EmotionMatrix(nn.Module):
    """Emotion vectors of many speakers, in eight groups, each with the style of its speaker.

    Args:
        spk_matrix: (R, 192) float, `feat1.pt`: the styles.
        emo_matrix: (R, D) float, `feat2.pt`: the emotion vectors.
        emo_num: sizes of the eight groups, `emo_num` of config.yaml; they sum to R.

    Raises:
        ValueError: the shapes do not agree.
    """

    spk_matrix: Tensor
    emo_matrix: Tensor

    def __init__(self, spk_matrix: Tensor, emo_matrix: Tensor, emo_num: Sequence[int]):
        super().__init__()
        if not len(spk_matrix) == len(emo_matrix) == sum(emo_num) or len(emo_num) != len(EMOTIONS):
            raise ValueError(
                f"emotion matrices: {len(spk_matrix)} styles and {len(emo_matrix)} vectors do not fit "
                f"{len(EMOTIONS)} groups of sizes {list(emo_num)}"
            )
        self.emo_num = tuple(emo_num)
        self.register_buffer("spk_matrix", spk_matrix.float(), persistent=False)
        self.register_buffer("emo_matrix", emo_matrix.float(), persistent=False)

    def mix(
        self,
        vector: Sequence[float] | Tensor,
        style: Tensor,
        use_random: bool = False,
        generator: Generators | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Pick one speaker per group and add up the emotion vectors by weight.

        Args:
            vector: (8,) or (B, 8) weights.
            style: (192,) or (B, 192) float, CAMPPlus style of the voice.
            use_random: pick at random instead of by the highest cosine between styles.
            generator: for that, or one for each row, so that a row does not depend on its neighbours; None: a fresh
                one. The global random state is never touched.

        Returns:
            (8,) or (B, 8) int64, the row within each group; (D,) or (B, D) float32, sum of weight * row.
        """
        styles = torch.atleast_2d(style).float()
        weights = torch.as_tensor(vector, dtype=torch.float32, device=styles.device).expand(len(styles), len(EMOTIONS))
        index = self._random_rows(len(styles), generator) if use_random else self._nearest_rows(styles)
        first_rows = torch.tensor([0, *self.emo_num[:-1]]).cumsum(0)
        rows = self.emo_matrix[(index + first_rows).to(self.emo_matrix.device)]
        part = (weights.unsqueeze(-1) * rows).sum(1)
        return (index, part) if style.dim() == 2 else (index[0], part[0])

    def _nearest_rows(self, styles: Tensor) -> Tensor:
        cosine = nn.functional.cosine_similarity(styles.unsqueeze(1), self.spk_matrix.unsqueeze(0), dim=-1)
        return torch.stack([group.argmax(1) for group in cosine.split(self.emo_num, dim=1)], dim=1).cpu()

    def _random_rows(self, count: int, generator: Generators | None) -> Tensor:
        if generator is None:
            generator = torch.Generator()
            generator.seed()
        rows = [generator] * count if isinstance(generator, torch.Generator) else list(generator)
        if len(rows) != count:
            raise ValueError(f"{len(rows)} generators for {count} rows")
        return torch.tensor([[self._draw(size, row) for size in self.emo_num] for row in rows])

    @staticmethod
    def _draw(size: int, generator: torch.Generator) -> int:
        return int(torch.randint(size, (), generator=generator, device=generator.device))


def mixed_emovec(part: Tensor, vector: Sequence[float] | Tensor, merged: Tensor) -> Tensor:
    """Emotion conditioning from weights: part + (1 - sum of weights) * merged. The sum may exceed 1: it is not clamped.

    Args:
        part: (D,) or (B, D), from `EmotionMatrix.mix`.
        vector: (8,) or (B, 8).
        merged: like part, from `merge_emovec`.
    """
    weights = torch.as_tensor(vector, dtype=torch.float32, device=part.device)
    return part + (1 - weights.sum(-1, keepdim=True)) * merged


# --- Emotion of a text -----------------------------------------------------------------------------------------------

SYSTEM_PROMPT = (
    "You rate the emotion of a text for a speaker who is going to read it aloud. Answer with one JSON object and "
    f"nothing else. Its keys are {', '.join(EMOTIONS)}; each value is a number from 0.0 (not at all) to {MAX_SCORE} "
    "(very strongly)."
)
"""Our own wording: how the published model was prompted in training is not known to us."""
EMOTION_SOURCE = "copy the folder qwen0.6bemo4-merge of the published IndexTTS-2 checkpoint anew"
MAX_ANSWER_TOKENS = 256
_REMEMBERED_TEXTS = 1024

# The model may answer in English or in Chinese, and with nouns.
_NAMES = {
    "happy": "happy happiness joy 高兴 开心 快乐",
    "angry": "angry anger 愤怒 生气",
    "sad": "sad sadness 悲伤 难过",
    "afraid": "afraid fear fearful scared 恐惧 害怕",
    "disgusted": "disgusted disgust 反感 厌恶",
    "melancholic": "melancholic melancholy depressed 低落 忧郁",
    "surprised": "surprised surprise 惊讶 惊喜",
    "calm": "calm neutral natural 自然 平静 中性",
}
_EMOTION_OF = {name: emotion for emotion, names in _NAMES.items() for name in names.split()}
_NAME = "|".join(sorted(_EMOTION_OF, key=len, reverse=True))
_NUMBER = r"-?\d*\.?\d+(?:e-?\d+)?"
_SCORE = re.compile(rf"(?<![a-z])({_NAME})[\"']?\s*[:：=]\s*[\"']?({_NUMBER})", re.IGNORECASE)
_THOUGHT = re.compile(r"<think>.*?(?:</think>|$)", re.DOTALL)
# For a text with one of these words the model mistakes low spirits for sadness.
_LOW_SPIRITS = re.compile(r"低落|忧郁|melanchol|gloom|depress", re.IGNORECASE)


def parse_scores(answer: str) -> dict[str, float] | None:
    """The scores that an answer names, each clamped to [0, 1.2]; None if it names none.

    Reads JSON, also truncated or loose ("happy: 0.3", single quotes, Chinese names); of a repeated name the first
    counts. Emotions without a score get 0.
    """
    found: dict[str, float] = {}
    for name, number in _SCORE.findall(_THOUGHT.sub("", answer)):
        found.setdefault(_EMOTION_OF[name.lower()], max(0.0, min(MAX_SCORE, float(number))))
    return {emotion: found.get(emotion, 0.0) for emotion in EMOTIONS} if found else None


class QwenEmotion:
    """Reads the eight scores out of a text with the checkpoint's language model (Qwen, 0.6 B parameters).

    Args:
        path: the folder `qwen0.6bemo4-merge` (transformers layout). It is loaded when first used, never downloaded.
        device, dtype: where and in which format it runs; by default the CPU in float32, CUDA in bfloat16.
        system_prompt: instruction before the text, see `SYSTEM_PROMPT`.
    """

    def __init__(
        self,
        path: str | Path,
        device: str | torch.device = "cpu",
        dtype: torch.dtype | None = None,
        system_prompt: str = SYSTEM_PROMPT,
    ):
        self.path = Path(path)
        self.device = torch.device(device)
        self.dtype = dtype or (torch.bfloat16 if self.device.type == "cuda" else torch.float32)
        self.system_prompt = system_prompt
        self._tokenizer: Any = None
        self._model: Any = None
        self._remembered: OrderedDict[str, dict[str, float]] = OrderedDict()

    def scores(self, text: str) -> dict[str, float]:
        """Scores of a text by emotion, in the order of `EMOTIONS`, each in [0, 1.2]; never all zero.

        Decoding is greedy, so a text always has the same scores. An answer that cannot be read counts as calm, with a
        warning.

        Raises:
            FileNotFoundError: the folder is missing or incomplete.
            ValueError: the text is blank.
        """
        if not text.strip():
            raise ValueError("the emotion of a blank text is not defined")
        if text not in self._remembered:
            self._remembered[text] = self._scores(text)
            if len(self._remembered) > _REMEMBERED_TEXTS:
                self._remembered.popitem(last=False)
        self._remembered.move_to_end(text)
        return dict(self._remembered[text])

    def inference(self, text: str) -> dict[str, float]:
        """Scores of a text, under the name that the published class has for it."""
        return self.scores(text)

    def vector(self, text: str) -> list[float]:
        """Scores of a text as an emotion vector."""
        return list(self.scores(text).values())

    def _scores(self, text: str) -> dict[str, float]:
        answer = self.answer(text)
        scores = parse_scores(answer)
        if scores is None:
            logger.warning("no emotion scores in the answer %r to the text %r: taken as calm", answer[:200], text[:200])
            scores = dict.fromkeys(EMOTIONS, 0.0)
        if _LOW_SPIRITS.search(text):
            scores["sad"], scores["melancholic"] = scores["melancholic"], scores["sad"]
        if not any(scores.values()):
            scores["calm"] = 1.0
        return scores

    @torch.inference_mode()
    def answer(self, text: str) -> str:
        """The model's answer to a text, as it wrote it."""
        self._load()
        prompt = self._prompt(text)
        inputs = self._tokenizer(prompt, return_tensors="pt", add_special_tokens=False).to(self.device)
        tokens = self._model.generate(
            **inputs, max_new_tokens=MAX_ANSWER_TOKENS, do_sample=False, temperature=None, top_p=None, top_k=None
        )
        return self._tokenizer.decode(tokens[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True)

    def _prompt(self, text: str) -> str:
        messages = [{"role": "system", "content": self.system_prompt}, {"role": "user", "content": text}]
        if self._tokenizer.chat_template:
            return self._tokenizer.apply_chat_template(
                messages, tokenize=False, add_generation_prompt=True, enable_thinking=False
            )
        turns = [f"<|im_start|>{message['role']}\n{message['content']}<|im_end|>\n" for message in messages]
        return "".join(turns) + "<|im_start|>assistant\n"

    def _load(self) -> None:
        if self._model is not None:
            return
        if not (self.path / "config.json").is_file():
            raise MissingFileError(
                f"emotion by text needs the Qwen model in {self.path} (config.json, tokenizer, model.safetensors): "
                "copy the folder qwen0.6bemo4-merge of the IndexTTS-2 checkpoint there, or give the emotion as audio "
                "or as a vector"
            )
        from transformers import AutoModelForCausalLM, AutoTokenizer
        from transformers.utils import logging as transformers_logging

        logger.info("loading the emotion model from %s", self.path)
        bars = transformers_logging.is_progress_bar_enabled()
        transformers_logging.disable_progress_bar()
        try:
            self._tokenizer = AutoTokenizer.from_pretrained(self.path, local_files_only=True)
            model: Any = AutoModelForCausalLM.from_pretrained(self.path, dtype=self.dtype, local_files_only=True)
        except OSError as error:
            raise MissingFileError(f"the emotion model in {self.path} is incomplete: {EMOTION_SOURCE}") from error
        except Exception as error:  # whatever the libraries make of a damaged file
            raise ForeignFileError(f"the emotion model in {self.path} cannot be read: {EMOTION_SOURCE}") from error
        finally:
            if bars:
                transformers_logging.enable_progress_bar()
        self._model = model.to(self.device).eval()
