"""Modules of the tiny configuration with the weights of the parity rule, and the inputs of the goldens."""

from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from indextts.checkpoint.config import load_config, load_vocoder_config
from indextts.checkpoint.pseudo_weights import fill_module
from indextts.models.bigvgan import BigVGAN
from indextts.models.flow import CFM
from indextts.models.gpt import UnifiedVoice
from indextts.models.length_regulator import GPTLayer, LengthRegulator

TOLERANCE = 2e-4
"""Of the expected array's peak: components, and rows of a padded batch against single runs."""

ModuleT = TypeVar("ModuleT", bound=nn.Module)


def filled(module: ModuleT) -> ModuleT:
    fill_module(module)
    return module.eval()


def tiny_gpt(config_dir: Path) -> UnifiedVoice:
    return filled(UnifiedVoice(load_config(config_dir / "config.yaml").gpt))


def tiny_gpt_layer(config_dir: Path) -> GPTLayer:
    return filled(GPTLayer(load_config(config_dir / "config.yaml").gpt_layer_dims))


def tiny_regulator(config_dir: Path) -> LengthRegulator:
    return filled(LengthRegulator(load_config(config_dir / "config.yaml").regulator))


def tiny_cfm(config_dir: Path) -> CFM:
    return filled(CFM(load_config(config_dir / "config.yaml").cfm))


def tiny_vocoder(config_dir: Path) -> BigVGAN:
    return filled(BigVGAN(load_vocoder_config(config_dir / "bigvgan" / "config.json")))


def tensor(array: np.ndarray) -> Tensor:
    return torch.from_numpy(np.asarray(array))


def padded(rows: list[Tensor], filler: float = 7.0) -> tuple[Tensor, Tensor]:
    """Rows (T_i, ...) as one batch whose padding is loud, not zero: what leaks from it shows."""
    lengths = torch.tensor([row.shape[0] for row in rows])
    batch = torch.full((len(rows), int(lengths.max()), *rows[0].shape[1:]), filler)
    for i, row in enumerate(rows):
        batch[i, : row.shape[0]] = row
    return batch, lengths
