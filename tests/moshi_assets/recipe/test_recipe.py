"""The recipe: every setting of a dataset."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from moshi_assets.planning.casting import voices_of
from moshi_assets.recipe import Recipe, RecipeError, load_recipe, make_recipe, read_recipe_settings

MINIMUM = {"name": "talks", "source": "talks.jsonl"}


def recipe(**settings: Any) -> Recipe:
    return make_recipe(MINIMUM | settings)


def test_the_defaults_are_the_issue_s():
    made = recipe()
    assert (made.engine, made.layout, made.gap, made.sample_rate) == ("builtin", "sequential", 0.3, 24000)
    assert (made.worker_count, made.samples_per_shard, made.buffer_size, made.keep_mono) == (1, None, 64, False)


def test_an_unknown_setting_is_named_with_the_known_ones():
    with pytest.raises(RecipeError, match=r"unknown setting 'worker_cuont'.*worker_count"):
        recipe(worker_cuont=2)


def test_an_unknown_option_of_an_engine_is_named():
    with pytest.raises(RecipeError, match=r"noise\.speed"):
        recipe(noise={"speed": 2})


def test_every_fault_is_named_at_once():
    with pytest.raises(RecipeError) as refusal:
        recipe(gap=-1, worker_count=0, colour="blue")
    assert all(word in str(refusal.value) for word in ("gap", "worker_count", "colour"))


@pytest.mark.parametrize("missing", ["name", "source"])
def test_a_missing_setting_is_named(missing: str):
    with pytest.raises(RecipeError, match=f"setting '{missing}' is missing"):
        make_recipe({name: value for name, value in MINIMUM.items() if name != missing})


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("name", "a/b"),
        ("engine", "espeak"),
        ("worker_count", 0),
        ("worker_count", 65),
        ("max_samples", 0),
        ("samples_per_shard", 0),
        ("max_text_chars", 0),
        ("planner_buffer", 0),
        ("buffer_size", 0),
        ("layout", "parallel"),
        ("gap", -0.1),
        ("gap", float("nan")),
        ("gap", float("inf")),
        ("sample_rate", 0),
        ("sample_rate", 7999),
        ("sample_rate", 192_001),
        ("sample_rate", 24000.5),
        ("sample_rate", "natural"),
        ("max_turns", 0),
        ("max_turns", 10_001),
        ("eval_fraction", -0.1),
        ("eval_fraction", 1),
        ("eval_fraction", float("nan")),
        ("eval_count", 0),
        ("eval_count", 100_001),
        ("eval_count", 1.5),
        ("seed", -1),
        ("seed", 2**63),
        ("seed", 1.5),
    ],
)
def test_a_bad_value_is_refused_with_setting_and_value(setting: str, value: Any):
    with pytest.raises(RecipeError) as refusal:
        recipe(**{setting: value})
    assert setting in str(refusal.value) or setting == "name"
    assert str(value) in str(refusal.value)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("timing", "random"),
        ("leading_silence", -0.1),
        ("leading_silence", 61),
        ("overlap_probability", 1.1),
        ("overlap_probability", float("nan")),
        ("max_silence", 0),
        ("pack_seconds", 0.5),
        ("pack_seconds", 601),
        ("pack_pause", -1),
    ],
)
def test_an_impossible_timing_is_refused_with_setting_and_value(setting: str, value: Any):
    with pytest.raises(RecipeError, match=setting) as refusal:
        recipe(**{setting: value})
    assert str(value) in str(refusal.value)


def test_natural_timing_needs_turns_that_follow_one_another():
    with pytest.raises(RecipeError, match=r"^timing natural needs layout sequential"):
        recipe(timing="natural", layout="overlapped")


def test_the_leading_silence_is_none_with_fixed_timing_and_small_with_natural():
    silences = [recipe(**s).timing_model.leading_silence for s in ({}, {"timing": "natural"}, {"leading_silence": 1})]
    assert silences == [0, 0.2, 1]


@pytest.mark.parametrize(
    "options",
    [
        {"characters_per_second": 0},
        {"characters_per_second": -1},
        {"characters_per_second": float("nan")},
        {"seconds_per_audio_second": -1},
        {"seconds_per_call": float("inf")},
    ],
)
def test_an_impossible_noise_is_refused(options: dict[str, float]):
    with pytest.raises(RecipeError, match="noise"):
        recipe(noise=options)


NAMES = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]))


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "gap": st.floats(0, 60),
            "seed": st.integers(0, 2**63 - 1),
            "layout": st.sampled_from(["sequential", "overlapped"]),
            "sample_rate": st.sampled_from([8000, 44100, "native"]),
            "user_voice": st.none() | NAMES,
            "assistant_voice": st.none() | st.lists(NAMES.filter(bool), min_size=1),
            "eval_fraction": st.none() | st.floats(0, 1, exclude_max=True),
            "max_samples": st.none() | st.integers(1, 10**9),
            "keep_mono": st.booleans(),
        },
    )
)
def test_a_stored_recipe_comes_back_the_same(settings: dict[str, Any]):
    made = recipe(**settings)
    assert make_recipe(yaml.safe_load(made.to_yaml())) == made


def test_a_stored_recipe_names_every_setting(tmp_path: Path):
    (tmp_path / "recipe.yaml").write_text(recipe().to_yaml())
    assert read_recipe_settings(tmp_path / "recipe.yaml").keys() == Recipe.model_fields.keys()


@pytest.mark.parametrize("content", ["- a\n- b\n", "just text", "a: [", "3: x\n", "\udcff"])
def test_a_file_that_is_no_mapping_is_refused_by_name(tmp_path: Path, content: str):
    path = tmp_path / "recipe.yaml"
    path.write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(RecipeError, match=r"recipe .*recipe\.yaml"):
        read_recipe_settings(path)


def test_an_empty_recipe_file_sets_nothing(tmp_path: Path):
    (tmp_path / "recipe.yaml").write_text("# all defaults\n")
    assert read_recipe_settings(tmp_path / "recipe.yaml") == {}


def test_a_recipe_file_that_is_missing_is_named(tmp_path: Path):
    with pytest.raises(RecipeError, match=r"cannot read recipe .*absent\.yaml"):
        read_recipe_settings(tmp_path / "absent.yaml")


def test_a_damaged_stored_recipe_is_named(tmp_path: Path):
    (tmp_path / "recipe.yaml").write_text("name: talks\nsource: a\ngap: wide\n")
    with pytest.raises(RecipeError, match=r"recipe\.yaml: gap.*'wide'"):
        load_recipe(tmp_path / "recipe.yaml")


def test_a_role_has_the_recipe_s_voices_before_the_engine_s():
    made = recipe(user_voice=["heart", "heart-deep"])
    assert (voices_of(made, "user"), voices_of(made, "assistant")) == (["heart", "heart-deep"], ["heart"])
    assert voices_of(recipe(), "user") == ["heart-deep"]


def test_evaluation_has_the_voices_of_training_where_none_are_named():
    made = recipe(user_voice="a", eval_assistant_voice="b", eval_count=1)
    assert (voices_of(made, "user", "eval"), voices_of(made, "assistant", "eval")) == (["a"], ["b"])
    assert voices_of(made, "assistant") == ["heart"]


@pytest.mark.parametrize("setting", ["user_voice", "assistant_voice", "eval_user_voice", "eval_assistant_voice"])
@pytest.mark.parametrize("pool", [[], ["a", ""], 3, [3], {}])
def test_a_pool_without_voices_is_refused(setting: str, pool: Any):
    with pytest.raises(RecipeError, match=f"^{setting}"):
        recipe(**{setting: pool}, eval_count=1)


@pytest.mark.parametrize("settings", [{"eval_user_voice": "a"}, {"eval_assistant_voice": ["a"]}])
def test_voices_for_evaluation_without_evaluation_are_refused(settings: dict[str, Any]):
    with pytest.raises(RecipeError, match=r"^eval_user_voice and eval_assistant_voice mean nothing"):
        recipe(**settings)


def test_a_share_and_a_number_for_evaluation_are_refused_together():
    with pytest.raises(RecipeError, match=r"^eval_fraction and eval_count are both set: set one of them$"):
        recipe(eval_fraction=0.1, eval_count=3)


def test_the_fingerprint_follows_every_setting():
    variants = [recipe(), recipe(gap=0.2), recipe(seed=1), recipe(noise={"seconds_per_call": 1.0}), recipe(name="b")]
    assert len({made.fingerprint for made in variants}) == len(variants)
    assert recipe().fingerprint == recipe().fingerprint


def test_what_is_given_twice_is_refused_by_its_line(tmp_path: Path):
    (tmp_path / "twice.yaml").write_text("engine: noise\ngap: 0.5\nengine: builtin\n")
    with pytest.raises(RecipeError, match=r"twice\.yaml is not valid YAML \(line 3\): 'engine' is given twice"):
        read_recipe_settings(tmp_path / "twice.yaml")


def test_yes_is_no_number():
    with pytest.raises(RecipeError, match="worker_count is true, which is neither a number nor a name"):
        make_recipe({"name": "a", "source": "a.jsonl", "worker_count": True})


def test_a_typo_names_the_file_and_the_nearest_setting():
    with pytest.raises(RecipeError, match=r"^recipe talks\.yaml: unknown setting 'gapp'; did you mean 'gap'\?"):
        make_recipe({"name": "a", "source": "a.jsonl", "gapp": 1}, "talks.yaml", {"gapp"})


def test_a_typo_of_the_command_line_is_not_the_file_s():
    with pytest.raises(RecipeError, match=r"^unknown setting 'gapp'"):
        make_recipe({"name": "a", "source": "a.jsonl", "gapp": 1}, "talks.yaml", {"gap"})
