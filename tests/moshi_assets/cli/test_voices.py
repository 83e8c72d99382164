"""`moshi-assets voices`."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from click.testing import CliRunner, Result

from moshi_assets.cli.main import cli
from tests.moshi_assets.support.pipeline import BIN
from tests.moshi_assets.support.voices import RATE, speech, write_voice

NOISE = 0.1 * np.random.default_rng(0).standard_normal(3 * RATE)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three recordings that can be voices, one of them late and one a copy; hiss; and what is none."""
    write_voice(tmp_path / "anna.wav", 1, seconds=5)
    sf.write(tmp_path / "late.flac", np.append(np.zeros(20 * RATE, np.float32), speech(5.0)), RATE)
    (tmp_path / "more").mkdir()
    write_voice(tmp_path / "more" / "anna again.wav", 1, seconds=5)
    sf.write(tmp_path / "hiss.wav", NOISE, RATE)
    (tmp_path / "song.m4a").write_bytes(b"\0\0\0\x20ftypM4A " + bytes(99))
    (tmp_path / "notes.txt").write_text("recorded in May")
    traits = [{"file": "anna.wav", "gender": "female", "age": 34}, {"file": "gone.wav"}, {"file": "late.flac", "x": 1}]
    (tmp_path / "voices.jsonl").write_text("\n".join(map(json.dumps, traits)))
    return tmp_path


def moshi(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, ["voices", *map(str, arguments)])


def objects(*arguments: str | Path) -> list[dict]:
    return list(map(json.loads, moshi(*arguments, "--jsonl").stdout.splitlines()))


def test_each_recording_is_listed_with_its_figures_and_a_verdict(folder):
    done = moshi(folder)
    assert done.exit_code == 0
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["ok", "refused", "ok", "refused", "ok"]
    anna, hiss, late, song, again = done.stdout.splitlines()
    assert anna.startswith("ok           5.0 s   -2") and anna.endswith("%  anna.wav  (female, 30s)")
    assert "speech   0 %  hiss.wav  has no speech in the part that counts: 0.0 s were found" in hiss
    assert "late.flac  (19.9 s of silence skipped)" in late
    assert "song.m4a  holds MP4 (m4a, AAC), which is not read: use WAV, FLAC" in song
    assert again.endswith("more/anna again.wav  (copy of anna.wav)")


def test_the_counts_name_every_kind_of_fault_and_who_speaks(folder):
    assert moshi(folder).stderr.splitlines() == [
        f"{folder}/voices.jsonl, line 2: there is no file 'gone.wav' beside it",
        f"{folder}/voices.jsonl: fields that are not used: x",
        "5 recordings: 3 can be voices, 2 cannot (1 no speech, 1 foreign format); 1 other files",
        "  1 are copies of another: in a pool both are one voice",
        "  age: 30s 1, not stated 2",
        "  gender: female 1, not stated 2",
    ]


def test_a_program_is_given_numbers(folder):
    *listed, summary = objects(folder)
    hiss = next(each for each in listed if each["file"] == "hiss.wav")
    assert (hiss["verdict"], hiss["value"], hiss["limit"]) == ("no speech", 0.0, 0.5)
    assert hiss["measures"]["seconds"] == 3.0 and hiss["measures"]["loudness_lufs"] > -25
    assert summary["refused"] == {"no speech": 1, "foreign format": 1} and summary["usable"] == 3
    assert summary["traits"] == {"age": {"30s": 1}, "gender": {"female": 1}}


def test_only_what_is_refused_can_be_shown(folder):
    assert [each.get("file") for each in objects(folder, "--only-refused")] == ["hiss.wav", "song.m4a", None]


def test_the_limits_of_a_recipe_hold(folder):
    (folder / "recipe.yaml").write_text("indextts2: {prompts: {check: false}}")
    assert "refused" not in moshi(folder / "hiss.wav", "--recipe", folder / "recipe.yaml").stdout
    (folder / "recipe.yaml").write_text("indextts2: {prompts: {chek: false}}")
    wrong = moshi(folder, "--recipe", folder / "recipe.yaml")
    assert wrong.exit_code == 2 and "unknown setting 'indextts2.prompts.chek'" in wrong.stderr


@pytest.mark.parametrize(
    ("arguments", "code"), [([], 0), (["--strict"], 1), (["more", "--strict"], 0), (["hiss.wav"], 1), (["gone"], 2)]
)
def test_the_exit_code_says_whether_there_are_voices(folder, arguments, code):
    names = [name for name in arguments if not name.startswith("-")]
    flags = [name for name in arguments if name.startswith("-")]
    assert moshi(folder / (names or [""])[0], *flags).exit_code == code


def test_rubbish_in_a_folder_is_told_and_stops_nothing(tmp_path):
    write_voice(tmp_path / "good.wav")
    (tmp_path / "empty.wav").touch()
    (tmp_path / "folder.wav").mkdir()
    (tmp_path / "loop.wav").symlink_to("loop.wav")
    (tmp_path / "again").symlink_to(".")
    (tmp_path / "headerless.raw").write_bytes(bytes(99_999))
    (tmp_path / "text.mp3").write_text("no sound")
    os.mkfifo(tmp_path / "pipe.wav")
    (tmp_path / "two\nlines \x1b[2J.wav").write_bytes(b"RIFF")
    *listed, _ = objects(tmp_path)
    assert {each["file"]: each["verdict"] for each in listed} == {
        "empty.wav": "empty",
        "folder.wav": "no file",
        "good.wav": "ok",
        "loop.wav": "unreadable",
        "pipe.wav": "no file",
        "text.mp3": "damaged",
        "two\nlines \x1b[2J.wav": "damaged",
    }
    assert "two\\nlines \\x1b[2J.wav" in moshi(tmp_path).stdout


def test_help_needs_no_engine():
    heavy = ["torch", "onnxruntime", "soundfile", "scipy", "dagster", "indextts.infer_v2"]
    program = (
        "import sys; from moshi_assets.cli.main import cli; cli(['voices', '--help'], standalone_mode=False); "
        f"sys.exit([name for name in {heavy} if name in sys.modules] or 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "--only-refused" in done.stdout


def test_an_interrupt_ends_it_with_one_line(tmp_path):
    for number in range(60):
        write_voice(tmp_path / f"{number}.wav", seconds=4, subtype="FLOAT" if number % 2 else "PCM_24")
        with open(tmp_path / f"{number}.wav", "ab") as file:
            file.write(bytes([number]))  # of another content
    command = [BIN / "moshi-assets", "voices", tmp_path]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout and process.stdout.readline().startswith("ok")
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=60)
    assert process.returncode == 130 and "interrupted" in told and "Traceback" not in told
