"""Write a complete checkpoint folder with reproducible pseudo-random weights. docs/indextts2.md §11.

    python -m indextts.tiny OUT [--size tiny|small|official] [--seed-rule parity]

`tiny` (20 M parameters) is the model of the goldens, for tests; `small` (195 M) is for benchmarks;
`official` (1.7 G, 7 GB) has every entry of the published files, so that loading and memory can be measured
without them. Such a model speaks noise. Files are written one after another, so memory peaks at the largest.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from importlib import resources
from pathlib import Path
from typing import Any

import torch
import yaml
from torch import Tensor, nn

from . import pseudo_weights as parity_rule
from .components import Components, build_components, read_w2v_bert_config
from .config import ModelConfig, load_config, load_vocoder_config

logger = logging.getLogger(__name__)

SIZES = ("tiny", "small", "official")
CONFIG_FILES = (
    "config.yaml",
    "bigvgan/config.json",
    "w2v-bert/config.json",
    "w2v-bert/preprocessor_config.json",
)
Shapes = dict[str, tuple[int, ...]]


def write_checkpoint(folder: str | Path, size: str = "tiny") -> Path:
    """Write a checkpoint folder that `IndexTTS2` loads, and return its path.

    `folder` may exist; its files are replaced. The tokenizer is always the tiny one, which has 700 pieces.
    """
    if size not in SIZES:
        raise ValueError(f"unknown size {size!r}; sizes are {', '.join(SIZES)}")
    folder = Path(folder)
    data = resources.files("indextts") / "data"
    for name in CONFIG_FILES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes((data / size / name).read_bytes())
    (folder / "bpe.model").write_bytes((data / "bpe.model").read_bytes())

    config = load_config(folder / "config.yaml")
    w2v_bert = read_w2v_bert_config(folder / "w2v-bert/config.json")
    layers = w2v_bert.num_hidden_layers
    components = build_components(config, load_vocoder_config(folder / "bigvgan/config.json"), w2v_bert)
    s2mel_settings = yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8"))["s2mel"]
    shapes = checkpoint_shapes(components, config, s2mel_settings, layers)
    modules = components.checkpoint_modules()

    def entries(component: str) -> dict[str, Tensor]:
        return parity_entries(modules[component], shapes[component])

    s2mel = ("cfm", "length_regulator", "gpt_layer")
    _save(folder / config.gpt_checkpoint, lambda: entries("gpt"))
    _save(folder / config.s2mel_checkpoint, lambda: {"net": {part: entries(part) for part in s2mel}})
    _save(folder / "bigvgan/bigvgan_generator.pt", lambda: {"generator": entries("bigvgan")})
    _save(folder / "campplus_cn_common.bin", lambda: entries("campplus"))
    _save_safetensors(folder / "semantic_codec/model.safetensors", lambda: entries("semantic_codec"))
    _save_safetensors(folder / "w2v-bert/model.safetensors", lambda: entries("w2v_bert"))

    mean, var = map(torch.from_numpy, parity_rule.w2v_stats(config.codec.hidden_size))
    _save(folder / config.w2v_stat, lambda: {"mean": mean, "var": var})
    matrices = parity_rule.emotion_matrices(sum(config.emo_num), config.gpt.model_dim, config.cfm.dit.style_dim)
    for name, matrix in zip((config.emo_matrix, config.spk_matrix), matrices, strict=True):
        _save(folder / name, lambda matrix=matrix: torch.from_numpy(matrix))
    return folder


def _save(path: Path, make: Any) -> None:
    logger.info("writing %s", path)
    # A file that is in use may be mapped into memory: replace it, never overwrite it.
    partial = path.with_name(path.name + ".partial")
    torch.save(make(), partial)
    partial.replace(path)


def _save_safetensors(path: Path, make: Any) -> None:
    from safetensors.torch import save_file

    logger.info("writing %s", path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    save_file(make(), partial, metadata={"format": "pt"})
    partial.replace(path)


def parity_entries(module: nn.Module, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Tensor]:
    """One checkpoint dictionary: values of the rule, and the module's own where the rule keeps computed ones."""
    own = module.state_dict()

    def entry(key: str) -> Tensor:
        computed = key in own and not own[key].is_floating_point()
        values = None if computed else parity_rule.fill(key, shapes[key])
        return own[key].clone() if values is None else torch.from_numpy(values)

    # numpy lets go of Python's lock while it draws, and every entry has a stream of its own.
    with ThreadPoolExecutor() as threads:
        return dict(zip(shapes, threads.map(entry, shapes), strict=True))


def checkpoint_shapes(
    components: Components, config: ModelConfig, s2mel_settings: Mapping[str, Any], w2v_layers: int
) -> dict[str, Shapes]:
    """Component -> every entry of its published dictionary with its shape, those inference never reads included.

    `s2mel_settings` is the section `s2mel` of config.yaml, for sizes that only training uses; `w2v_layers` is
    the full depth of w2v-bert.
    """
    shapes: dict[str, Shapes] = {
        name: {key: tuple(tensor.shape) for key, tensor in module.state_dict().items()}
        for name, module in components.checkpoint_modules().items()
    }
    for name, unused in _unused_shapes(components, config, s2mel_settings, w2v_layers).items():
        shapes[name].update(unused)
    return shapes


def _unused_shapes(
    components: Components, config: ModelConfig, s2mel_settings: Mapping[str, Any], w2v_layers: int
) -> dict[str, Shapes]:
    dit = config.cfm.dit
    dim = dit.hidden_dim
    cfm: Shapes = {
        "estimator.x_embedder.bias": (dim,),
        "estimator.x_embedder.weight_g": (dim, 1),
        "estimator.x_embedder.weight_v": (dim, dit.in_channels),
        "estimator.cond_embedder.weight": (s2mel_settings["DiT"]["content_codebook_size"], dim),
        "estimator.content_mask_embedder.weight": (1, dim),
    }
    for layer in range(dit.depth // 2 + 1):
        cfm[f"estimator.transformer.layers.{layer}.skip_in_linear.weight"] = (dim, 2 * dim)
        cfm[f"estimator.transformer.layers.{layer}.skip_in_linear.bias"] = (dim,)
    codec = components.semantic_codec.encoder.state_dict()
    encoder = components.semantic_encoder.model
    last = len(encoder.encoder.layers) - 1
    layer_shapes = {key: tuple(t.shape) for key, t in encoder.encoder.layers[last].state_dict().items()}
    w2v_bert: Shapes = {"masked_spec_embed": (encoder.config.hidden_size,)}
    for layer in range(last + 1, w2v_layers):
        w2v_bert |= {f"encoder.layers.{layer}.{key}": shape for key, shape in layer_shapes.items()}
    return {
        "gpt": {
            "text_head.weight": (config.gpt.number_text_tokens + 1, config.gpt.model_dim),
            "text_head.bias": (config.gpt.number_text_tokens + 1,),
        },
        "cfm": cfm,
        "length_regulator": {
            "mask_token": (1, config.regulator.channels),
            "embedding.weight": (
                s2mel_settings["length_regulator"]["content_codebook_size"],
                config.regulator.channels,
            ),
        },
        # The codec's decoder mirrors its encoder.
        "semantic_codec": {f"decoder.{key}": tuple(tensor.shape) for key, tensor in codec.items()},
        "w2v_bert": w2v_bert,
    }


def main(arguments: Iterable[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m indextts.tiny", description=__doc__.split("\n")[0])
    parser.add_argument("out", type=Path, help="folder to write")
    parser.add_argument("--size", choices=SIZES, default="tiny")
    parser.add_argument("--seed-rule", choices=("parity",), default="parity", help="rule that makes the weights")
    options = parser.parse_args(None if arguments is None else list(arguments))
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    write_checkpoint(options.out, options.size)


if __name__ == "__main__":
    main()
