"""`moshi-assets read`."""

import json
import signal
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from moshi_assets.cli.main import cli
from moshi_assets.cli.read import CLEANING_RULES
from moshi_assets.recipe.text import CleanRules
from tests.moshi_assets.support.pipeline import BIN

TALKS = [
    {"id": "price", "user_text": "How much is it?", "assistant_text": "It's $3.50."},
    {"id": "code", "user_text": "How?", "assistant_text": "So:\n\n```\nx = 1\n```"},
    {"id": "plain", "user_text": "Hello.", "assistant_text": "Hi there."},
    {"id": "wo", "user_text": "Wie spät ist es?", "assistant_text": "Es ist 5 Uhr."},
]


@pytest.fixture
def talks(tmp_path: Path) -> Path:
    return write(tmp_path / "talks.jsonl", TALKS)


def write(path: Path, records: list) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


def moshi(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, ["read", *map(str, arguments)])


def objects(*arguments: str | Path) -> list[dict]:
    return list(map(json.loads, moshi(*arguments, "--jsonl").stdout.splitlines()))


def test_written_stands_beside_spoken(talks):
    done = moshi(talks)
    assert done.exit_code == 0
    assert "  assistant  It's $3.50.\n         ->  It's three dollars and fifty cents.\n" in done.stdout
    assert "  user       Hello.\n  assistant  Hi there.\n" in done.stdout


def test_what_is_read_as_it_is_written_can_be_left_out(talks):
    shown = moshi(talks, "--only-changed").stdout
    assert "$3.50" in shown
    assert "plain" not in shown
    assert "How much" not in shown


def test_a_rejected_turn_names_the_kind(talks):
    assert "\n   rejected  code: So:" in moshi(talks).stdout


def test_the_counts_name_each_kind_with_an_example(talks):
    said = moshi(talks).stderr
    assert (
        "8 turns of 4 dialogues: 5 as they are written, 2 changed or suspicious, 1 rejected; 0 records rejected" in said
    )
    assert "'$3.50' -> 'three dollars and fifty cents'" in said
    assert "only cleaned, not verbalised: dialogues in German 1" in said


def test_json_has_an_object_for_each_turn_and_the_counts_last(talks):
    *turns, summary = objects(talks)
    assert [(turn["id"], turn["turn"]) for turn in turns[:3]] == [("price", 0), ("price", 1), ("code", 0)]
    assert turns[1]["spoken"] == "It's three dollars and fifty cents."
    assert turns[1]["findings"][0] == {
        "outcome": "verbalised",
        "kind": "money",
        "written": "$3.50",
        "spoken": "three dollars and fifty cents",
    }
    assert (summary["turns"], summary["rejected_turns"], summary["languages"]) == (8, 1, {"en": 3, "de": 1})


def test_a_rule_can_be_turned_off_and_blocks_dropped(tmp_path):
    talks = write(tmp_path / "a.jsonl", [{"user_text": "Go :)", "assistant_text": "Yes.\n\n```\nx = 1\n```"}])
    user, assistant, _ = objects(talks, "--keep", "emoji", "--blocks", "drop")
    assert user["text"] == "Go :)"
    assert (assistant["spoken"], assistant["rejected"]) == ("Yes.", None)


def test_a_lexicon_is_spoken(talks, tmp_path):
    (tmp_path / "words.yaml").write_text("There: thither\n")
    assert "Hi thither." in moshi(talks, "--lexicon", tmp_path / "words.yaml").stdout


@pytest.mark.parametrize("content", ["[1]", "a: [1]", "a: {", "\x00"])
def test_a_lexicon_that_is_none_is_a_wrong_usage(talks, tmp_path, content):
    (tmp_path / "words.yaml").write_text(content)
    done = moshi(talks, "--lexicon", tmp_path / "words.yaml")
    assert done.exit_code == 2
    assert "words.yaml" in done.stderr


def test_strict_fails_where_something_was_rejected(talks, tmp_path):
    assert moshi(talks, "--strict").exit_code == 1
    assert moshi(write(tmp_path / "good.jsonl", TALKS[:1]), "--strict").exit_code == 0


def test_a_file_without_a_dialogue_fails_and_says_why(tmp_path):
    done = moshi(write(tmp_path / "rubbish.jsonl", [{"text": "hm"}]))
    assert done.exit_code == 1
    assert "holds no usable dialogue: 1 lines were rejected, the first because: line 1, " in done.stderr


def test_a_missing_file_is_a_wrong_usage(tmp_path):
    assert moshi(tmp_path / "none.jsonl").exit_code == 2


def test_a_damaged_gzip_file_fails_without_a_traceback(tmp_path):
    (tmp_path / "a.jsonl.gz").write_bytes(b"\x1f\x8bxx")
    done = moshi(tmp_path / "a.jsonl.gz")
    assert done.exit_code == 1
    assert "gzip stream is cut off or damaged" in done.stderr


def test_a_turn_cannot_command_the_terminal(tmp_path):
    talks = write(tmp_path / "a.jsonl", [{"id": "e", "user_text": "\x1b[2JHi\r", "assistant_text": "\x9bHo"}])
    assert not {"\x1b", "\x9b", "\r"} & set(moshi(talks).output)


def test_a_closed_pipe_and_an_interrupt_end_it_without_a_traceback(tmp_path):
    talks = write(tmp_path / "many.jsonl", TALKS * 20_000)
    command = [BIN / "moshi-assets", "read", talks]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as piped:
        assert piped.stdout and piped.stderr
        piped.stdout.readline()
        piped.stdout.close()
        assert b"Traceback" not in piped.stderr.read()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as stopped:
        assert stopped.stdout
        stopped.stdout.readline()
        stopped.send_signal(signal.SIGINT)
        said = stopped.communicate(timeout=60)[1]
    assert stopped.returncode == 130
    assert b"interrupted" in said and b"Traceback" not in said


# -- what is read


def test_standard_input_is_read(tmp_path):
    talks = "id,question,answer\nx,Open?,Yes.\n"
    done = CliRunner().invoke(cli, ["read", "-"], input=talks)
    assert done.exit_code == 0 and "x  English\n  user       Open?\n  assistant  Yes.\n" in done.stdout


def test_standard_input_that_is_closed_is_an_error():
    command = ["bash", "-c", f"{BIN / 'moshi-assets'} read - <&-"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (1, "Error: cannot keep standard input: standard input is closed\n")


def test_several_files_are_read_and_a_reject_names_its_own(talks, tmp_path):
    (tmp_path / "more.json").write_text('[{"prompt": "Open?", "completion": "Yes."}, {"id": "bad"}]')
    done = moshi(talks, tmp_path / "more.json")
    assert "more.json line 2 bad  rejected: no form of dialogue fits" in done.stdout
    assert objects(talks, tmp_path / "more.json")[-2]["file_line"] == 2


def test_a_recipe_tells_the_names_of_fields(tmp_path):
    path = write(tmp_path / "own.jsonl", [{"id": "x", "q": "Open?", "a": "Yes."}])
    (tmp_path / "recipe.yaml").write_text("input: {user_text: q, assistant_text: a}\n")
    assert moshi(path).exit_code == 1
    assert moshi(path, "--recipe", tmp_path / "recipe.yaml").exit_code == 0


def test_a_recipe_tells_how_texts_are_read_and_a_flag_overrides_it(talks, tmp_path):
    (tmp_path / "recipe.yaml").write_text("text: {clean: {blocks: drop}, lexicon: {Hello: Good day}}\n")
    shown = moshi(talks, "--recipe", tmp_path / "recipe.yaml").stdout
    assert "Good day." in shown and "rejected  code" not in shown
    assert "rejected  code" in moshi(talks, "--recipe", tmp_path / "recipe.yaml", "--blocks", "reject").stdout


def test_a_file_that_fits_nothing_says_so_once(tmp_path):
    path = write(tmp_path / "own.jsonl", [{"id": str(number), "q": "Open?", "a": "Yes."} for number in range(1000)])
    done = moshi(path)
    assert done.stdout.count("no form of dialogue fits") == 3
    assert "  1000 records: no form of dialogue fits: its fields are id (text), q (text), a (text)" in done.stderr
    assert "1000 lines were rejected, the first because: line 1, no form of dialogue fits" in done.stderr
    assert "such as 'input: {user_text: q, assistant_text: a}'" in done.stderr


def test_files_of_a_folder_that_are_not_read_are_named(talks):
    (talks.parent / "notes.txt").touch()
    said = moshi(talks.parent).stderr
    assert said.startswith("not read, for their names are none of dialogue files: 'notes.txt'\n")


def test_a_recipe_says_how_its_dataset_is_read_and_what_its_voice_cannot_speak(talks, tmp_path):
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("engine: builtin\ntext: {clean: {blocks: drop}, lexicon: {spoken: s p o ken}}\n")
    done = moshi(talks, "--recipe", recipe)

    assert "the voice cannot speak: German" in done.stdout
    assert "the voice cannot speak" not in moshi(talks).stdout
    assert "rejected  code" not in done.stdout


def test_an_option_goes_before_the_recipe(talks, tmp_path):
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("text: {language: zh}\n")

    assert "three dollars" not in moshi(talks, "--recipe", recipe).stdout
    assert "three dollars" in moshi(talks, "--recipe", recipe, "--language", "en").stdout


def test_an_engine_that_is_not_there_is_said_in_one_sentence(talks, tmp_path):
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("engine: indextts2\nindextts2: {model_dir: gone}\n")
    done = moshi(talks, "--recipe", recipe)

    assert done.exit_code == 1 and done.stderr.startswith("Error: engine 'indextts2'")


def test_each_rule_of_cleaning_can_be_kept():
    assert set(CLEANING_RULES) == set(CleanRules.model_fields) - {"blocks"}
