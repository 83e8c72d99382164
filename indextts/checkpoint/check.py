"""Check whether a checkpoint folder is complete and fits, without loading it. docs/indextts2.md §11."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from .components import (
    Components,
    build_components,
    compare_keys,
    file_of,
    read_emotion_matrix,
    read_entries,
    read_w2v_bert_config,
    read_w2v_statistics,
)
from .config import ConfigError, ModelConfig, load_config, load_vocoder_config, published_config_path
from .files import CheckpointFiles, find_files, optional_files
from .fingerprint import fingerprint
from .reading import CheckpointError


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    name: str
    """Component or file."""
    state: str
    """`ok`, `missing`, `wrong` or `optional` (absent, and only some calls need it)."""
    detail: str
    """Path and size, or what is wrong and where to get it."""

    @property
    def good(self) -> bool:
        return self.state in ("ok", "optional")

    def __str__(self) -> str:
        return f"{self.state:<9}{self.name:<18}{self.detail}"


def check_folder(
    model_dir: str | Path,
    cfg_path: str | Path | None = None,
    aux_paths: Mapping[str, str | Path] | None = None,
) -> list[Finding]:
    """Look at every file of a model: whether it is there, and whether its entries are those of the modules.

    `config.yaml` (by default the folder's own) and small tables are read; of large files only names and shapes.
    """
    model_dir = Path(model_dir)
    cfg_path = Path(cfg_path) if cfg_path is not None else model_dir / "config.yaml"
    try:
        config = load_config(cfg_path if cfg_path.is_file() else published_config_path())
    except ConfigError as error:
        return [Finding("config", "wrong", str(error))]
    found, missing = find_files(config, model_dir, aux_paths)
    if cfg_path.is_file():
        findings = [Finding("config", "ok", str(cfg_path))]
    else:
        findings = [Finding("config", "missing", f"{cfg_path}: config.yaml of the published checkpoint")]
    findings += [Finding(name, "missing", description) for name, description in missing.items()]
    findings += _contents(config, found)
    qwen, glossary = optional_files(config, model_dir)
    findings.append(
        Finding("qwen_emotion", "ok", str(qwen))
        if qwen
        else Finding("qwen_emotion", "optional", f"{model_dir / config.qwen_emo_path}: needed for emotion texts only")
    )
    if all(finding.good for finding in findings):
        files = CheckpointFiles(cfg_path, found, qwen, glossary, config=config)
        findings.append(Finding("fingerprint", "ok", fingerprint(files)))
    return findings


def _contents(config: ModelConfig, found: Mapping[str, Path]) -> Iterator[Finding]:
    """Findings about the files that are there."""
    if "bigvgan_config" in found and "w2v_bert_config" in found:
        try:
            components = build_components(
                config, load_vocoder_config(found["bigvgan_config"]), read_w2v_bert_config(found["w2v_bert_config"])
            )
        except (ConfigError, CheckpointError, ValueError, OSError) as error:
            yield Finding("configs", "wrong", str(error))
        else:
            yield from _components(components, found)
    for name in ("w2v_stat", "spk_matrix", "emo_matrix"):
        if name in found:
            yield _table(config, found, name)


def _components(components: Components, found: Mapping[str, Path]) -> Iterator[Finding]:
    for name, module in components.checkpoint_modules().items():
        if file_of(name) not in found:
            continue
        path = found[file_of(name)]
        try:
            entries = read_entries(found, name, shapes_only=True)
        except CheckpointError as error:
            yield Finding(name, "wrong", str(error))
            continue
        differences = compare_keys(module, entries, name)
        if differences:
            yield Finding(name, "wrong", f"{path}: {differences}")
        else:
            size = path.stat().st_size / 1e6
            yield Finding(name, "ok", f"{path} ({size:,.1f} MB, {len(entries)} entries)")


def _table(config: ModelConfig, found: Mapping[str, Path], name: str) -> Finding:
    try:
        if name == "w2v_stat":
            read_w2v_statistics(found[name], config.codec.hidden_size)
        else:
            read_emotion_matrix(found[name], config, name)
    except CheckpointError as error:
        return Finding(name, "wrong", str(error))
    return Finding(name, "ok", str(found[name]))
