"""Checkpoint folders that are damaged or dangerous: refused in one sentence that names the file and a remedy."""

import os
import pickle
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import soundfile
import torch

from indextts import cli
from indextts.checkpoint.pseudo_weights import wave
from indextts.infer_v2 import IndexTTS2
from indextts.text.frontend import TextFrontend


class Payload:
    """What a pickle may ask for: a call of any function."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Callable, tuple[str]]:
        return os.mkdir, (str(self.mark),)


def mark(path: Path) -> Path:
    """Is there once a payload has run."""
    return path.parent / "payload_ran"


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def web_page(path: Path) -> None:
    path.write_text("<!doctype html><title>404</title>" * 50)


def raw_pickle(path: Path) -> None:
    path.write_bytes(pickle.dumps(Payload(mark(path))))


def payload(path: Path) -> None:
    torch.save({"model": Payload(mark(path))}, path)


def other_tensors(path: Path) -> None:
    torch.save({"model": {"x": torch.zeros(2)}}, path)


def list_of_lists(path: Path) -> None:
    path.write_text("[" * 5000 + "]" * 5000)


def alias_bomb(path: Path) -> None:
    rows = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    rows += [f"a{n + 1}: &a{n + 1} [{', '.join([f'*a{n}'] * 9)}]" for n in range(30)]
    path.write_text("\n".join(rows))


def object_tag(path: Path) -> None:
    path.write_text(f"gpt: !!python/object/apply:os.mkdir [{mark(path)}]\n")


def not_utf8(path: Path) -> None:
    path.write_bytes(b"\xff\xfe\x00term: x")


def a_folder(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.mkdir()


def a_pipe(path: Path) -> None:
    path.unlink(missing_ok=True)
    os.mkfifo(path)


OTHER_PICKLES = [
    "s2mel.pth",
    "wav2vec2bert_stats.pt",
    "feat1.pt",
    "feat2.pt",
    "bigvgan_generator.pt",
    "campplus_cn_common.bin",
]
DAMAGES = [
    *(("gpt.pth", damage) for damage in (cut, empty, web_page, raw_pickle, payload, other_tensors, a_pipe)),
    *((name, payload) for name in OTHER_PICKLES),
    *(("wav2vec2bert_stats.pt", damage) for damage in (cut, other_tensors)),
    *(("w2v-bert/model.safetensors", damage) for damage in (cut, empty, web_page, payload)),
    *(("bigvgan/config.json", damage) for damage in (cut, web_page, list_of_lists, not_utf8)),
    *(("w2v-bert/config.json", damage) for damage in (web_page, list_of_lists)),
    *(("config.yaml", damage) for damage in (empty, web_page, alias_bomb, object_tag, list_of_lists, not_utf8)),
    *(("bpe.model", damage) for damage in (cut, empty, web_page, a_pipe)),
    *(("glossary.yaml", damage) for damage in (web_page, alias_bomb, object_tag, list_of_lists, not_utf8)),
]
REMEDY = re.compile(r"\b[Gg]et\b|\b[Gg]ive\b|\bcorrect\b|\bsave it as\b|\bwrite\b|no settings file|[Ff]etch")


@pytest.fixture
def folder(checkpoint_dir: Path, tmp_path: Path) -> Path:
    """A checkpoint whose files are links to the good ones; a damage replaces one."""
    copy = tmp_path / "checkpoint"
    shutil.copytree(checkpoint_dir, copy)
    return copy


@pytest.mark.parametrize(("name", "damage"), DAMAGES, ids=[f"{name}-{damage.__name__}" for name, damage in DAMAGES])
def test_a_damaged_file_is_refused_by_its_name_with_a_remedy(folder, name, damage):
    path = next(folder.rglob(name), folder / name)
    damage(path)

    with pytest.raises((ValueError, RuntimeError, OSError)) as caught:
        IndexTTS2(folder / "config.yaml", folder)

    message = str(caught.value)
    assert type(caught.value).__module__.startswith("indextts."), repr(caught.value)
    assert path.name in message and REMEDY.search(message)
    assert "weights_only" not in message and len(message) < 2000
    assert not mark(path).exists()


@pytest.mark.parametrize(
    ("name", "damage"), [("gpt.pth", payload), ("config.yaml", alias_bomb), ("bigvgan/config.json", web_page)]
)
def test_the_check_names_it_and_exits_with_1(folder, name, damage, capsys):
    damage(folder / name)

    assert cli.main(["check", str(folder)]) == 1
    told = capsys.readouterr().out
    assert Path(name).name in told and "wrong" in told


@pytest.mark.parametrize("damage", [empty, web_page, a_folder, a_pipe, raw_pickle])
def test_a_voice_that_is_no_sound_is_refused_by_its_name(tts, tmp_path, damage):
    voice = tmp_path / "voice.wav"
    soundfile.write(voice, wave(22050, 1.0, 3), 22050)
    damage(voice)

    with pytest.raises(ValueError, match=r"voice prompt .*voice.wav") as caught:
        tts.infer(voice, "Hello.", None)
    assert type(caught.value).__module__ == "indextts.foreign_files"


def test_good_files_are_read(folder):
    """The negative control of all the above."""
    (folder / "glossary.yaml").write_text("GIF: jif\n")

    assert TextFrontend(folder / "bpe.model", folder / "glossary.yaml").pieces.GetPieceSize() > 0
    IndexTTS2(folder / "config.yaml", folder)
