"""A moshi-finetune configuration for a dataset, with a window that fits its recordings."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any, NamedTuple

import numpy as np
import yaml

from ...stereo.training_window import TRAINING_WINDOW

STEP = 0.4
"""Step between window lengths in seconds: the shortest time that is a whole number of 80 ms slots and of tenths of a
second.
"""
BATCH_SIZE = 16
MAX_STEPS = 2000
"""Training steps, as in moshi-finetune's example (`example/moshi_7B.yaml`), like the other numbers below."""


class Window(NamedTuple):
    """A `duration_sec` and its effect on the recordings."""

    seconds: float
    windows: int
    """Number of windows in one pass over the recordings."""
    padded: float
    """Share of the windows' time that is padding, trained as silence."""


def window_of(seconds: float, lengths: Counter[float]) -> Window:
    """The effect of windows of a given length on recordings, given as counts by length in seconds."""
    durations, counts = np.array(list(lengths)), np.array(list(lengths.values()))
    windows = int((np.maximum(1, np.ceil(durations / seconds - 1e-9)) * counts).sum())
    return Window(seconds, windows, max(0.0, 1 - float((durations * counts).sum()) / (windows * seconds)))


def fitting_window(lengths: Counter[float]) -> Window:
    """The window with the least padding among those in which at least half of the recordings lie whole.

    The trainer cuts each recording into windows and pads the last one. No window is longer than `TRAINING_WINDOW`.
    """
    ordered = sorted(lengths)
    counts = np.cumsum([lengths[length] for length in ordered])
    median = ordered[int(np.searchsorted(counts, counts[-1] / 2))]
    steps = math.floor(TRAINING_WINDOW / STEP + 1e-9)
    first = min(steps, math.ceil(median / STEP - 1e-9))
    last = min(steps, math.ceil(ordered[-1] / STEP - 1e-9))
    candidates = [window_of(round(step * STEP, 1), lengths) for step in range(max(1, first), max(1, last) + 1)]
    return min(candidates, key=lambda window: (round(window.padded, 4), -window.seconds))


def training_config(name: str, manifest: str, eval_manifest: str | None, window: Window) -> str:
    """Configuration of moshi-finetune (YAML), names of its fields as in its `finetune/args.py`.

    Args:
        name: of the dataset.
        manifest, eval_manifest: paths as the trainer should be given them.
        window: from `fitting_window`.
    """
    evaluated = eval_manifest is not None
    config: dict[str, Any] = {
        "data": {"train_data": manifest, "eval_data": eval_manifest or "", "shuffle": True},
        "moshi_paths": {"hf_repo_id": "kyutai/moshiko-pytorch-bf16"},
        "full_finetuning": False,
        "lora": {"enable": True, "rank": 128, "scaling": 2.0, "ft_embed": False},
        "first_codebook_weight_multiplier": 100.0,
        "text_padding_weight": 0.5,
        "duration_sec": window.seconds,
        "batch_size": BATCH_SIZE,
        "max_steps": MAX_STEPS,
        "gradient_checkpointing": True,
        "optim": {"lr": 2.0e-6, "weight_decay": 0.1, "pct_start": 0.05},
        "seed": 0,
        "log_freq": 1,
        "eval_freq": 100,
        "do_eval": evaluated,
        "do_ckpt": True,
        "ckpt_freq": 100,
        "save_adapters": True,
        "run_dir": f"runs/{name}",
    }
    return yaml.safe_dump(config, sort_keys=False)
