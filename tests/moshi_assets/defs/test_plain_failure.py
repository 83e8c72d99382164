"""What goes wrong by a user's hand: one sentence with the remedy, and who is at fault as a value."""

from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from moshi_assets.defs.checks import STEREO_CHECKS, check_results
from moshi_assets.defs.run_failure import run_failure
from moshi_assets.faults import Fault
from tests.moshi_assets.support.pipeline import Pipeline, checks, dialogue, write_dialogues


@pytest.fixture
def pipeline(tmp_path: Path) -> Pipeline:
    return Pipeline(tmp_path / "data")


@pytest.fixture
def talks(tmp_path: Path) -> Path:
    return write_dialogues(tmp_path / "talks.jsonl", [dialogue(number) for number in range(3)])


def told(run: dg.ExecuteInProcessResult) -> tuple[str, dict[str, Any], str]:
    """What a failed step says: its sentence, its facts, and all else that the UI shows below them."""
    (event,) = [event for event in run.all_events if event.is_step_failure]
    failure, error = event.step_failure_data.user_failure_data, event.step_failure_data.error
    assert failure and error
    return str(failure.description), {name: value.value for name, value in failure.metadata.items()}, error.to_string()


@pytest.mark.parametrize(
    ("settings", "kind", "sentence"),
    [
        ({"gap": -5.0}, "RecipeError", "gap: Input should be greater than or equal to 0"),
        ({"user_voice": "nobody", "engine": "builtin"}, "RecipeError", "nobody"),
    ],
)
def test_a_wrong_setting_is_told_in_one_sentence_without_a_traceback(pipeline, talks, settings, kind, sentence):
    description, facts, shown = told(pipeline.parse(talks, **settings))

    assert sentence in description
    assert facts == {"at_fault": "input", "kind": kind}
    assert "raise RecipeError" not in shown and "The above exception" not in shown


def test_a_missing_dialogue_file_is_named(pipeline, tmp_path):
    description, facts, _ = told(pipeline.parse(tmp_path / "gone.jsonl"))

    assert "gone.jsonl" in description
    assert facts == {"at_fault": "input", "kind": "DialogueFileError"}


def test_a_recipe_file_with_a_typo_is_told_too(pipeline, talks, tmp_path):
    (tmp_path / "recipe.yaml").write_text("gapp: 1\n")
    pipeline.instance.add_dynamic_partitions("datasets", ["talks"])
    config = {"input": str(talks), "recipe_file": str(tmp_path / "recipe.yaml")}

    run = pipeline.materialize("synthesis_tasks", "talks", config={"ops": {"synthesis_tasks": {"config": config}}})

    assert "unknown setting 'gapp'" in told(run)[0]


def test_rubbish_instead_of_dialogues_is_the_input_s_fault(pipeline, tmp_path):
    source = tmp_path / "rubbish.jsonl"
    source.write_bytes(bytes(range(256)) * 40)

    assert told(pipeline.parse(source))[1] == {"at_fault": "input", "kind": "DialogueFileError"}


def test_a_step_that_was_taken_too_early_is_not_the_input_s_fault(pipeline, talks):
    pipeline.parse(talks)

    description, facts, _ = told(pipeline.materialize("stereo_pairs", "talks.000000"))

    assert "materialize mono_syntheses" in description
    assert facts == {"at_fault": "setup", "kind": "DatasetError"}


def test_who_is_at_fault_is_a_value_of_the_run_s_failure(pipeline, talks):
    why = run_failure(pipeline.parse(talks, gap=-5.0).all_events)

    assert (why.kind, why.error, why.at_fault) == ("told", "RecipeError", "input")


def test_what_nobody_foresaw_stays_as_it_is(pipeline, talks):
    pipeline.parse(talks)
    pipeline.store().stereo_folder.write_text("a file where a folder belongs")
    pipeline.materialize("mono_syntheses", "talks.000000")
    run = pipeline.materialize("stereo_pairs", "talks.000000")
    (event,) = [event for event in run.all_events if event.is_step_failure]

    assert event.step_failure_data.user_failure_data is None
    assert "FileExistsError" in event.step_failure_data.error.to_string()


# -- checks that look at nothing


def results(faults: list[Fault], checked: int, warnings: list[Fault] | None = None) -> list[dg.AssetCheckResult]:
    return list(check_results(STEREO_CHECKS[:1], faults, checked, warnings=warnings or [], nothing="nobody spoke"))


def test_a_check_that_looked_at_nothing_says_so_and_does_not_pass():
    (result,) = results([], 0)

    assert (result.passed, result.severity, result.description) == (
        False,
        dg.AssetCheckSeverity.WARN,
        "checked 0: nobody spoke",
    )


def test_a_check_that_looked_and_found_nothing_passes():
    (result,) = results([], 3)

    assert (result.passed, result.description) == (True, None)


def test_a_fault_stops_the_dataset_and_a_warning_does_not():
    fault = Fault("format", "a.wav", "is no sound")

    assert [results(*found)[0].severity for found in (([fault], 3), ([], 3, [fault]))] == [
        dg.AssetCheckSeverity.ERROR,
        dg.AssetCheckSeverity.WARN,
    ]
    assert not any(results(*found)[0].passed for found in (([fault], 3), ([], 3, [fault])))


def test_without_transcripts_their_checks_do_not_pass_and_the_dataset_is_built(pipeline, talks):
    pipeline.build(talks, transcripts=False)
    run = pipeline.materialize("transcripts", "talks.000000")

    assert run.success and not any(checks(run).values())
    assert {e.description for e in run.get_asset_check_evaluations()} == {"checked 0: the recipe wants no transcripts"}


def test_a_shard_of_which_40_of_40_utterances_are_rejected_fails_its_gates(pipeline, tmp_path):
    source = write_dialogues(tmp_path / "talks.jsonl", [dialogue(number) for number in range(20)])
    pipeline.parse(source, gates={"max_loudness_lufs": -45.0}, max_retries=0)
    pipeline.materialize("mono_syntheses", "talks.000000")
    run = pipeline.materialize("stereo_pairs", "talks.000000")
    gates = next(e for e in run.get_asset_check_evaluations() if e.check_name == "gates")

    assert not gates.passed and "40 of 40 utterances are rejected" in str(gates.description)
    assert run.success, "one such shard keeps no other back"
