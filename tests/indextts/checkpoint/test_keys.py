"""Every entry of the published checkpoints, at official size and without memory: modules on the meta device.

`keys/*.json` lists the entries of each published dictionary; `unused_at_inference` marks those that no module
keeps, `kind: buffer` those that are not parameters.
"""

import json
from pathlib import Path

import pytest
import torch
import yaml

from indextts.checkpoint.components import build_components, compare_keys, load_strictly, read_w2v_bert_config
from indextts.checkpoint.config import load_config, load_vocoder_config, published_config_path
from indextts.checkpoint.pseudo_checkpoint import checkpoint_shapes

KEYS = Path(__file__).parents[1] / "keys"
LISTS = {
    "gpt": "gpt",
    "cfm": "s2mel_cfm",
    "length_regulator": "s2mel_length_regulator",
    "gpt_layer": "s2mel_gpt_layer",
    "semantic_codec": "semantic_codec",
    "campplus": "campplus",
    "bigvgan": "bigvgan",
    "w2v_bert": "w2v-bert-2_0",
}


def key_list(component):
    return json.loads((KEYS / f"{LISTS[component]}.json").read_text())


def on_meta(entries):
    return {
        entry["key"]: torch.empty(entry["shape"], dtype=getattr(torch, entry.get("dtype", "float32")), device="meta")
        for entry in entries
    }


@pytest.fixture(scope="module")
def official():
    folder = published_config_path().parent
    w2v_bert = read_w2v_bert_config(folder / "w2v-bert/config.json")
    vocoder = load_vocoder_config(folder / "bigvgan/config.json")
    with torch.device("meta"):
        return build_components(load_config(folder / "config.yaml"), vocoder, w2v_bert)


@pytest.mark.parametrize("component", LISTS)
def test_published_entries_load_strictly(official, component):
    module = official.checkpoint_modules()[component]
    load_strictly(module, on_meta(key_list(component)["entries"]), component, Path("published"))


@pytest.mark.parametrize("component", LISTS)
def test_modules_keep_exactly_the_entries_inference_uses(official, component):
    used = {entry["key"] for entry in key_list(component)["entries"] if not entry.get("unused_at_inference")}
    assert set(official.checkpoint_modules()[component].state_dict()) == used


@pytest.mark.parametrize("component", LISTS)
def test_modules_have_the_published_number_of_parameters(official, component):
    module = official.checkpoint_modules()[component]
    assert sum(p.numel() for p in module.parameters()) == key_list(component)["parameters_used_at_inference"]


@pytest.mark.parametrize("component", LISTS)
def test_an_unknown_a_missing_and_a_misshapen_entry_are_each_named(official, component):
    module, entries = official.checkpoint_modules()[component], on_meta(key_list(component)["entries"])
    own = [name for name, _ in module.named_parameters()]
    del entries[own[0]]
    entries[own[-1]] = torch.empty(3, 7, 1, 1, 5, device="meta")
    entries["surprise.weight"] = torch.empty(1, device="meta")
    differences = compare_keys(module, entries, component)
    assert differences.missing == (own[0],)
    assert differences.unexpected == ("surprise.weight",)
    assert [text.split()[0] for text in differences.misshapen] == [own[-1]]


@pytest.mark.parametrize("component", LISTS)
def test_written_checkpoints_have_exactly_the_published_entries(official, component):
    folder = published_config_path().parent
    settings = yaml.safe_load((folder / "config.yaml").read_text())["s2mel"]
    layers = json.loads((folder / "w2v-bert/config.json").read_text())["num_hidden_layers"]
    shapes = checkpoint_shapes(official, load_config(folder / "config.yaml"), settings, layers)
    published = {entry["key"]: tuple(entry["shape"]) for entry in key_list(component)["entries"]}
    assert shapes[component] == published


def test_position_tables_may_be_absent(official):
    entries = on_meta(key_list("gpt")["entries"])
    tables = [key for key in entries if key.endswith(".pe")]
    for key in tables:
        del entries[key]
    assert len(tables) == 2
    assert not compare_keys(official.gpt, entries, "gpt")


def test_leftovers_of_training_in_the_gpt_are_ignored(official):
    entries = on_meta(key_list("gpt")["entries"])
    entries |= on_meta(
        {"key": key, "shape": [1]}
        for key in (
            "inference_model.lm_head.0.weight",
            "gpt.wte.weight",
            "gpt.h.3.attn.bias",
            "gpt.h.3.attn.masked_bias",
        )
    )
    assert not compare_keys(official.gpt, entries, "gpt")
