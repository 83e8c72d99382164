"""The files of a checkpoint folder: which there are, where they lie and come from. docs/indextts2.md §11."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from .config import ModelConfig, load_config, published_config_path

logger = logging.getLogger(__name__)

INDEXTTS_REPO = "IndexTeam/IndexTTS-2"
FLAT_FOLDER = "hf_cache"
"""Folder in the model folder for models of other projects: plain files (today's published downloader), a Hugging Face
cache (the earlier one, and ours), or both."""


class MissingFilesError(FileNotFoundError):
    """One or more files of the checkpoint are missing; the message lists all of them with their sources."""


@dataclass(frozen=True)
class FileSource:
    """One file: where it may lie and where it comes from."""

    repo: str
    """The Hugging Face repository."""
    remote: str
    """The file's path in it."""
    places: tuple[str, ...]
    """Paths inside the model folder, tried in order."""
    shared: bool
    """Whether it may also lie in the Hugging Face caches, as models of other projects do."""


def file_sources(config: ModelConfig) -> dict[str, FileSource]:
    """Every file that a model needs beside `config.yaml`, by component."""

    def published(name: str) -> FileSource:
        return FileSource(INDEXTTS_REPO, name, (name,), shared=False)

    vocoder = config.vocoder_name
    bigvgan = ("bigvgan", vocoder.rsplit("/", 1)[-1])
    w2v_bert = ("w2v-bert", "w2v-bert-2.0", "w2v-bert-2_0")

    def auxiliary(repo: str, remote: str, folders: tuple[str, ...], flat: str) -> FileSource:
        """`flat`: where the published downloader of today puts the file, below `hf_cache`."""
        name = remote.rsplit("/", 1)[-1]
        places = (*(f"{folder}/{name}" for folder in folders), f"{FLAT_FOLDER}/{flat}")
        return FileSource(repo, remote, places, shared=True)

    return {
        "gpt": published(config.gpt_checkpoint),
        "s2mel": published(config.s2mel_checkpoint),
        "bpe_model": published(config.bpe_model),
        "w2v_stat": published(config.w2v_stat),
        "spk_matrix": published(config.spk_matrix),
        "emo_matrix": published(config.emo_matrix),
        "w2v_bert_config": auxiliary("facebook/w2v-bert-2.0", "config.json", w2v_bert, "w2v-bert-2.0/config.json"),
        "w2v_bert": auxiliary("facebook/w2v-bert-2.0", "model.safetensors", w2v_bert, "w2v-bert-2.0/model.safetensors"),
        "semantic_codec": auxiliary(
            "amphion/MaskGCT",
            "semantic_codec/model.safetensors",
            ("semantic_codec", "MaskGCT/semantic_codec", "maskgct/semantic_codec"),
            "semantic_codec_model.safetensors",
        ),
        "campplus": auxiliary("funasr/campplus", "campplus_cn_common.bin", (".", "campplus"), "campplus_cn_common.bin"),
        "bigvgan_config": auxiliary(vocoder, "config.json", bigvgan, "bigvgan/config.json"),
        "bigvgan": auxiliary(vocoder, "bigvgan_generator.pt", bigvgan, "bigvgan/bigvgan_generator.pt"),
    }


AUX_PATHS = {
    "w2v_bert_config": ("w2v_bert", "config.json"),
    "w2v_bert": ("w2v_bert", "model.safetensors"),
    "semantic_codec": ("semantic_codec", "model.safetensors"),
    "campplus": ("campplus", "campplus_cn_common.bin"),
    "bigvgan_config": ("bigvgan", "config.json"),
    "bigvgan": ("bigvgan", "bigvgan_generator.pt"),
}
"""The key of `aux_paths` that gives a file, and the file's name if the key names a folder."""
AUX_KEYS = ("w2v_bert", "semantic_codec", "campplus", "bigvgan")


@dataclass(frozen=True)
class CheckpointFiles:
    """Every file of a model, all present, but for the optional ones."""

    config_path: Path
    """`config.yaml`."""
    paths: Mapping[str, Path]
    """Component name (`gpt`, `s2mel`, `w2v_bert`, …) -> file."""
    qwen_emotion: Path | None = None
    """Folder of the emotion text model, or None if it is not there."""
    glossary: Path | None = None
    """`glossary.yaml` of the model folder, or None."""
    config: ModelConfig = field(repr=False, kw_only=True)

    def __getitem__(self, name: str) -> Path:
        return self.paths[name]


def locate(
    cfg_path: str | Path,
    model_dir: str | Path,
    aux_paths: Mapping[str, str | Path] | None = None,
    download: bool = False,
) -> CheckpointFiles:
    """Find every file of a model, opening none but `config.yaml`.

    The model's own files lie in `model_dir`. The auxiliary models are looked for in `aux_paths` (keys `w2v_bert`,
    `bigvgan`: folders; `semantic_codec`, `campplus`: files or folders), then in the model folder, then in its
    `hf_cache` (plain files, or laid out as a Hugging Face cache), then in the local Hugging Face cache. Only
    `download` goes to the network.

    Raises:
        MissingFilesError: files are missing; all are named with their sources.
        ValueError: `aux_paths` has an unknown key, or the config does not fit (`ConfigError`).
    """
    cfg_path, model_dir = Path(cfg_path), Path(model_dir)
    if download:
        from .download import download_missing

        download_missing(model_dir, cfg_path, aux_paths)
    config = load_config(cfg_path if cfg_path.is_file() else published_config_path())
    found, missing = find_files(config, model_dir, aux_paths)
    descriptions = list(missing.values())
    if not cfg_path.is_file():
        descriptions.insert(0, f"{cfg_path}: config.yaml of {repo_page(INDEXTTS_REPO)}")
    if descriptions:
        lines = [f"{len(descriptions)} file(s) of the model are missing:"]
        lines += [f"  {description}" for description in descriptions]
        lines.append(
            f"Fetch them there, name them in aux_paths, or ask for the download (`indextts download {model_dir}`, "
            f"--download, download=True)."
        )
        raise MissingFilesError("\n".join(lines))
    return CheckpointFiles(cfg_path, found, *optional_files(config, model_dir), config=config)


def optional_files(config: ModelConfig, model_dir: Path) -> tuple[Path | None, Path | None]:
    """The folder of the emotion text model and `glossary.yaml`, each None if it is not there."""
    qwen, glossary = model_dir / config.qwen_emo_path, model_dir / "glossary.yaml"
    return (qwen if qwen.is_dir() else None), (glossary if glossary.exists() else None)


def find_files(
    config: ModelConfig,
    model_dir: Path,
    aux_paths: Mapping[str, str | Path] | None = None,
) -> tuple[dict[str, Path], dict[str, str]]:
    """Files that are there, by component, and for each missing one a line on where it belongs and where to get it."""
    aux_paths = dict(aux_paths or {})
    unknown = sorted(set(aux_paths) - set(AUX_KEYS))
    if unknown:
        raise ValueError(f"unknown aux_paths {unknown}; known are {list(AUX_KEYS)}")
    found: dict[str, Path] = {}
    missing: dict[str, str] = {}
    for name, source in file_sources(config).items():
        aux_key, file_name = AUX_PATHS.get(name, ("", ""))
        given = aux_paths.get(aux_key)
        expected = model_dir / source.places[0]
        if given is not None:
            expected = Path(given)
            if name.endswith("_config") or expected.is_dir():
                expected = expected / file_name
        path = _search(source, model_dir) if given is None else expected
        if path is not None and path.is_file():
            found[name] = path
        else:
            place = (
                f" or {model_dir / source.places[-1]} (or aux_paths[{aux_key!r}])" if aux_key and given is None else ""
            )
            missing[name] = f"{expected}{place}: {source.remote} of {repo_page(source.repo)}"
    return found, missing


def _search(source: FileSource, model_dir: Path) -> Path | None:
    for place in source.places:
        if (model_dir / place).is_file():
            return model_dir / place
    if source.shared:
        import huggingface_hub

        for cache_dir in (model_dir / FLAT_FOLDER, None):
            cached = huggingface_hub.try_to_load_from_cache(source.repo, source.remote, cache_dir=cache_dir)
            if isinstance(cached, str):
                return Path(cached)
    return None


def repo_page(repo: str) -> str:
    """Address of a repository's page, for people."""
    return f"huggingface.co/{repo}"
