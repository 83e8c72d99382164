"""What the files of a checkpoint hold, read with suspicion. docs/indextts2.md §11.

Pickles are read with `weights_only=True` and memory-mapped: nothing but tensors gets in, and what no module asks
for (optimizer states, unused layers) is never read from disk. Weights become the mapped pages themselves, so
several processes on one machine share them.
"""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..foreign_files import ForeignFileError, open_regular, shown

GET_AGAIN = "Get the file again from where the checkpoint was published; `indextts check` with its folder says where"


class CheckpointError(RuntimeError):
    """A checkpoint file is unreadable, unsafe, or does not fit the model; the message names file and entries."""


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
