"""The files of a checkpoint folder: finding, reading and fingerprinting them. docs/indextts2.md §11.

Pickles are read with `weights_only=True` and memory-mapped: nothing but tensors gets in, and what no module asks
for (optimizer states, unused layers) is never read from disk. Weights become the mapped pages themselves, so
several processes on one machine share them.
"""

from __future__ import annotations

import hashlib
import logging
import pickle
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..foreign_files import ForeignFileError, open_regular, shown
from .config import ModelConfig, load_config, published_config_path

logger = logging.getLogger(__name__)

INDEXTTS_REPO = "IndexTeam/IndexTTS-2"
FLAT_FOLDER = "hf_cache"
"""Folder in the model folder for models of other projects: plain files (today's published downloader), a Hugging Face
cache (the earlier one, and ours), or both."""
FINGERPRINT_BLOCK = 4096
FINGERPRINT_ENDS = 1 << 20
FINGERPRINT_SAMPLES = 64


GET_AGAIN = "Get the file again from where the checkpoint was published; `indextts check` with its folder says where"


class CheckpointError(RuntimeError):
    """A checkpoint file is unreadable, unsafe, or does not fit the model; the message names file and entries."""


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


# Reading


def read_pickle(path: Path, map_location: str = "cpu") -> Any:
    """Read a `torch.save` file, memory-mapped, tensors only.

    Raises:
        CheckpointError: it holds any other kind of object, is not a torch file, or has the format of torch before 1.6,
            which cannot be mapped.
    """
    with _readable(path, "a torch checkpoint"):
        if not zipfile.is_zipfile(path):
            raise CheckpointError(
                f"{path} is no torch checkpoint of today's format (a zip file): it is damaged, or was saved by a torch "
                f"before 1.6 or as a bare pickle, which is not opened. {GET_AGAIN}"
            )
        try:
            return torch.load(path, map_location=map_location, weights_only=True, mmap=True)
        except pickle.UnpicklingError as error:
            raise CheckpointError(
                f"{path} holds objects other than tensors and is refused, since reading them could run code. "
                f"{GET_AGAIN}"
            ) from error


def read_safetensors(path: Path) -> dict[str, Tensor]:
    """Read the entries of a safetensors file, on the CPU."""
    import safetensors

    with _readable(path, "safetensors"), safetensors.safe_open(path, framework="pt") as file:
        names = file.keys()
        return {name: file.get_tensor(name) for name in names}


def read_safetensors_shapes(path: Path) -> dict[str, Tensor]:
    """Read every entry as an empty tensor on the meta device, from the header alone."""
    import safetensors

    with _readable(path, "safetensors"), safetensors.safe_open(path, framework="pt") as file:
        names = file.keys()
        return {name: torch.empty(file.get_slice(name).get_shape(), device="meta") for name in names}


@contextmanager
def _readable(path: Path, what: str) -> Iterator[None]:
    """Turn whatever a library raises for a damaged file into a `CheckpointError` that names the file and a remedy."""
    try:
        open_regular(path).close()
        yield
    except (CheckpointError, FileNotFoundError, PermissionError):
        raise
    except ForeignFileError as error:
        raise CheckpointError(str(error)) from error
    except Exception as error:
        raise CheckpointError(
            f"{path} cannot be read as {what}: it is damaged or something else. {GET_AGAIN}"
        ) from error


def tensor_entries(content: Any, path: Path, *names: str) -> dict[str, Tensor]:
    """The dictionary at `content[names[0]][names[1]]…`.

    Raises:
        CheckpointError: it is not there, or holds anything but tensors.
    """
    for name in names:
        if not isinstance(content, Mapping) or name not in content:
            raise CheckpointError(f"{path} has no entry {'/'.join(names)}. {GET_AGAIN}")
        content = content[name]
    if not isinstance(content, Mapping):
        raise CheckpointError(f"{path} holds no dictionary of tensors. {GET_AGAIN}")
    others = [key for key, value in content.items() if not isinstance(value, Tensor)]
    if others:
        raise CheckpointError(
            f"{path} holds entries that are not tensors: {', '.join(map(shown, others[:20]))}. {GET_AGAIN}"
        )
    return dict(content)


def gpt_entries(content: Any, path: Path) -> dict[str, Tensor]:
    """`gpt.pth`: the dictionary itself or, if there is one, its entry `model`."""
    wrapped = isinstance(content, Mapping) and "model" in content
    return tensor_entries(content, path, "model") if wrapped else tensor_entries(content, path)


def s2mel_entries(content: Any, path: Path, part: str) -> dict[str, Tensor]:
    """`s2mel.pth`: `net` / `cfm`, `length_regulator` or `gpt_layer`, with a leading `module.` removed."""
    entries = tensor_entries(content, path, "net", part)
    return {key.removeprefix("module."): tensor for key, tensor in entries.items()}


def bigvgan_entries(content: Any, path: Path) -> dict[str, Tensor]:
    """`bigvgan_generator.pt`: its entry `generator`."""
    return tensor_entries(content, path, "generator")


# Fingerprint


def file_digest(path: Path) -> bytes:
    """Digest of a file's size, ends and 64 evenly spaced blocks; of the whole file if it has up to 2 MiB.

    The end of a torch file lists the CRC of every tensor in it, so any change to one changes the digest; in other
    large files a change that keeps the size may fall between the samples.
    """
    size = path.stat().st_size
    digest = hashlib.blake2b(str(size).encode(), digest_size=16)
    with path.open("rb") as file:
        if size <= 2 * FINGERPRINT_ENDS:
            digest.update(file.read())
        else:
            digest.update(file.read(FINGERPRINT_ENDS))
            for sample in range(1, FINGERPRINT_SAMPLES + 1):
                file.seek(sample * (size // (FINGERPRINT_SAMPLES + 1)))
                digest.update(file.read(FINGERPRINT_BLOCK))
            file.seek(size - FINGERPRINT_ENDS)
            digest.update(file.read())
    return digest.digest()


def fingerprint(files: CheckpointFiles) -> str:
    """32 hex digits that identify how a model folder sounds, for content keys.

    They depend on file contents only, not on paths, times or the machine. A few MB are read.
    """
    digest = hashlib.blake2b(digest_size=16)
    parts = dict(files.paths, config=files.config_path)
    if files.glossary is not None:
        parts["glossary"] = files.glossary
    if files.qwen_emotion is not None:
        parts |= {f"qwen/{path.name}": path for path in files.qwen_emotion.iterdir() if path.is_file()}
    for name in sorted(parts):
        digest.update(name.encode() + b"\0" + file_digest(parts[name]))
    return digest.hexdigest()
