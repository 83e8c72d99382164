"""Fetch the missing files of a checkpoint folder from the Hugging Face hub, on request only. docs/indextts2.md §11.

Files appear whole: the hub's own client writes beside them, goes on where a connection breaks off, and gives up after
some attempts. The next call then begins with the file that was not finished.
"""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from .config import load_config, published_config_path
from .files import (
    AUX_PATHS,
    FLAT_FOLDER,
    INDEXTTS_REPO,
    FileSource,
    file_sources,
    find_files,
    repo_page,
)

logger = logging.getLogger(__name__)

CONFIG = FileSource(INDEXTTS_REPO, "config.yaml", ("config.yaml",), shared=False)
LOCK_NAME = ".download.lock"
INCOMING_FOLDER = ".incoming"
"""Folder in the model folder for the emotion text model while it is fetched: the model's own folder appears whole."""
LICENCE_NOTE = (
    "The weights of IndexTTS2 carry bilibili's model licence, those of the other models their own: read them before "
    "you use "
    "what is spoken."
)
_LONGEST_REASON = 300
T = TypeVar("T")


class DownloadError(RuntimeError):
    """A file could not be fetched; the message names it and says how to go on."""


@dataclass(frozen=True)
class Fetched:
    """Files that a call has fetched."""

    files: tuple[Path, ...]
    """Paths in the order they came."""
    size: int
    """Bytes in them, but for `config.yaml`."""


def download_missing(
    model_dir: str | Path,
    cfg_path: str | Path | None = None,
    aux_paths: Mapping[str, str | Path] | None = None,
) -> Fetched:
    """Fetch the files that `locate` does not find, and the emotion text model if there is none.

    The model's own files go to `model_dir`, models of other projects to its `hf_cache`. Progress bars are those of
    the hub's client, on a terminal; each file is logged. If nothing is missing the network is not used.

    Args:
        model_dir: the model folder; made if it is missing.
        cfg_path: config of the model; default: `config.yaml` of the folder. Another one is not fetched.
        aux_paths: places of auxiliary models, as for `locate`; models named there are not fetched.

    Raises:
        DownloadError: the hub cannot be reached, has no such file, or the disk lacks room.
    """
    model_dir = Path(model_dir)
    cfg_path = Path(cfg_path) if cfg_path is not None else model_dir / "config.yaml"
    model_dir.mkdir(parents=True, exist_ok=True)
    with _alone(model_dir):
        return _download_missing(model_dir, cfg_path, aux_paths)


@contextmanager
def _alone(model_dir: Path) -> Iterator[None]:
    """Wait for another process that fetches into the folder, and remove half-written files of killed ones."""
    import fcntl  # not on Windows, where only this command needs it

    handle = os.open(model_dir / LOCK_NAME, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        for leftover in model_dir.rglob("*.incomplete"):
            leftover.unlink(missing_ok=True)
        yield
    finally:
        os.close(handle)


def _download_missing(model_dir: Path, cfg_path: Path, aux_paths: Mapping[str, str | Path] | None) -> Fetched:
    fetched: list[Path] = []
    if cfg_path == model_dir / "config.yaml" and not cfg_path.is_file():
        fetched.append(_fetch(CONFIG, model_dir))
    config = load_config(cfg_path if cfg_path.is_file() else published_config_path())
    _, missing = find_files(config, model_dir, aux_paths)
    given = set(aux_paths or ())
    wanted = [source for name, source in file_sources(config).items() if name in missing and _key(name) not in given]
    emotions = config.qwen_emo_path.rstrip("/")
    folder = [] if (model_dir / emotions).is_dir() else _files_of(emotions)
    sizes = [_size(source, model_dir) for source in wanted] + [size for _, size in folder]
    _check_room(model_dir, sum(sizes))
    sources = [
        *((source, model_dir) for source in wanted),
        *((source, model_dir / INCOMING_FOLDER) for source, _ in folder),
    ]
    for number, ((source, target), size) in enumerate(zip(sources, sizes, strict=True), 1):
        logger.info(
            "%d of %d: %s (%s) from %s", number, len(sources), source.remote, _shown(size), repo_page(source.repo)
        )
        fetched.append(_fetch(source, target))
    if folder:
        os.replace(model_dir / INCOMING_FOLDER / emotions, model_dir / emotions)
        shutil.rmtree(model_dir / INCOMING_FOLDER, ignore_errors=True)
    return Fetched(tuple(fetched), sum(sizes))


def _files_of(folder: str) -> list[tuple[FileSource, int]]:
    """Files in a folder of the model's repository, and their sizes in bytes."""
    import huggingface_hub

    def ask() -> list[tuple[FileSource, int]]:
        entries = huggingface_hub.HfApi().list_repo_tree(INDEXTTS_REPO, folder, recursive=True)
        files = [entry for entry in entries if isinstance(entry, huggingface_hub.RepoFile)]
        if not files:
            raise FileNotFoundError("the repository has no such folder")
        return [(FileSource(INDEXTTS_REPO, file.path, (file.path,), shared=False), file.size) for file in files]

    return _attempt(folder, INDEXTTS_REPO, ask)


def _key(name: str) -> str:
    """Key of `aux_paths` that a file belongs to."""
    return AUX_PATHS.get(name, ("", ""))[0]


def _place(source: FileSource, model_dir: Path) -> dict[str, Any]:
    """Into the model folder itself, or its `hf_cache` for models of other projects."""
    return {"cache_dir": model_dir / FLAT_FOLDER} if source.shared else {"local_dir": model_dir}


def _size(source: FileSource, model_dir: Path) -> int:
    """Bytes of a file, as the hub says."""
    import huggingface_hub

    def ask() -> int:
        info = huggingface_hub.hf_hub_download(source.repo, source.remote, **_place(source, model_dir), dry_run=True)
        return info.file_size or 0

    return _attempt(source.remote, source.repo, ask)


def _fetch(source: FileSource, model_dir: Path) -> Path:
    import huggingface_hub

    def fetch() -> str:
        return huggingface_hub.hf_hub_download(source.repo, source.remote, **_place(source, model_dir))

    return Path(_attempt(source.remote, source.repo, fetch))


def _attempt(name: str, repo: str, call: Callable[[], T]) -> T:
    try:
        return call()
    except Exception as error:  # the client raises its own errors, those of its HTTP library, and the system's
        raise DownloadError(
            f"{name} of {repo_page(repo)} cannot be fetched: {_reason(error)}. Files that have arrived are kept: ask "
            f"again to go "
            f"on, or fetch it by hand"
        ) from error


def _reason(error: BaseException) -> str:
    """First line of the innermost error: the client's own one only says that something happened."""
    while error.__cause__ is not None:
        error = error.__cause__
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0][:_LONGEST_REASON].rstrip(".: ")


def _check_room(folder: Path, size: int) -> None:
    free = shutil.disk_usage(folder).free
    if size > free:
        raise DownloadError(
            f"the missing files have {_shown(size)}, and {_shown(free)} are free in {folder}: make room"
        )


def _shown(size: int) -> str:
    return f"{size / 1e9:.2f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"
