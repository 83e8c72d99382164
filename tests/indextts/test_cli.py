"""The command `indextts`."""

import subprocess
import sys

import pytest
import soundfile

from indextts import Emotion
from indextts.cli import main, parse_emotion

FEW_CODES = ["--max-mel-tokens", "6", "--device", "cpu"]


@pytest.fixture(scope="module")
def voice(prompt_file):
    return str(prompt_file(22050, 0.6, 3))


def test_a_text_is_spoken_into_a_file(checkpoint_dir, voice, tmp_path):
    out = tmp_path / "out.wav"
    command = [sys.executable, "-m", "indextts.cli", "Good morning.", "--voice", voice, "-o", str(out), "--seed", "1"]
    done = subprocess.run(
        [*command, "--model-dir", str(checkpoint_dir), "--greedy", *FEW_CODES],
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert f"wrote {out}" in done.stderr
    info = soundfile.info(out)
    assert (info.samplerate, info.channels, info.subtype) == (22050, 1, "PCM_16")
    assert info.frames == 10 * 256  # 6 codes


def test_an_emotion_may_be_given(checkpoint_dir, voice, tmp_path):
    files = [tmp_path / "plain.wav", tmp_path / "sad.wav"]
    for path, emotion in zip(files, ([], ["--emotion", "sad=0.7", "--emotion-alpha", "0.9"]), strict=True):
        arguments = [
            "Good morning.",
            "--voice",
            voice,
            "-o",
            str(path),
            "--model-dir",
            str(checkpoint_dir),
            "--seed",
            "1",
        ]
        assert main([*arguments, *emotion, *FEW_CODES]) == 0
    assert files[0].read_bytes() != files[1].read_bytes()


@pytest.mark.parametrize(
    ("given", "emotion"),
    [
        (None, Emotion()),
        ("happy=0.6, calm=0.2", Emotion(emo_vector=(0.6, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.2))),
        ("1,0,0,0,0,0,0,.5", Emotion(emo_vector=(1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.5))),
        ("rather tired, but friendly", Emotion(emo_text="rather tired, but friendly")),
    ],
)
def test_emotions_are_recognised_by_their_form(given, emotion):
    assert parse_emotion(given) == emotion


def test_an_emotion_that_is_a_file_is_a_recording(voice):
    assert parse_emotion(voice, 0.5) == Emotion(emo_audio=voice, emo_alpha=0.5)


def test_an_unknown_emotion_is_refused():
    with pytest.raises(ValueError, match=r"unknown emotions \['hapy'\]; known are happy, angry"):
        parse_emotion("hapy=0.6")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"--voice": "absent.wav"}, "voice prompt not found: absent.wav"),
        ({"--model-dir": "nowhere"}, "file(s) of the model are missing"),
        ({"--emotion": "so very happy"}, "qwen0.6bemo4-merge"),
        ({"--normalizer": "spokn"}, "unknown normalizer 'spokn': known here are published, verbatim, spoken"),
    ],
)
def test_failures_are_explained_without_a_traceback(checkpoint_dir, voice, tmp_path, caplog, change, message):
    arguments = {"--voice": voice, "--model-dir": str(checkpoint_dir), "-o": str(tmp_path / "out.wav"), **change}
    code = main(["Good morning.", *[part for pair in arguments.items() for part in pair], *FEW_CODES])
    assert code == 1
    assert message in caplog.text
    assert not (tmp_path / "out.wav").exists()


def test_the_check_of_a_good_folder_succeeds(checkpoint_dir, capsys):
    assert main(["check", str(checkpoint_dir)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["ok", "config", str(checkpoint_dir / "config.yaml")]
    assert any(line.startswith("ok       gpt ") and "entries" in line for line in lines)


def test_the_check_of_a_folder_with_missing_files_fails(tmp_path, capsys):
    assert main(["check", str(tmp_path)]) == 1
    assert "missing  gpt" in capsys.readouterr().out


def test_an_auxiliary_path_without_a_name_is_a_usage_error(tmp_path, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["check", str(tmp_path), "--aux", "bigvgan"])
    assert stop.value.code == 2
    assert "--aux expects NAME=PATH, not 'bigvgan'" in capsys.readouterr().err
