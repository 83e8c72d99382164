"""Finding, reading, checking and fingerprinting the files of a checkpoint folder; config.yaml."""

import json
import os
import pickle
import shutil

import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file

from indextts import CheckpointError, ConfigError, MissingFilesError
from indextts.checkpoint.check import check_folder
from indextts.checkpoint.components import load_components
from indextts.checkpoint.config import load_config, load_vocoder_config, published_config_path
from indextts.checkpoint.files import locate
from indextts.checkpoint.fingerprint import fingerprint
from indextts.checkpoint.pseudo_checkpoint import CONFIG_FILES, main, write_checkpoint
from indextts.checkpoint.pseudo_weights import fill
from indextts.checkpoint.reading import read_pickle
from indextts.infer_v2 import IndexTTS2

CPU = torch.device("cpu")


@pytest.fixture
def folder(checkpoint_dir, tmp_path):
    """A checkpoint folder of one's own to spoil; large files are links until they are replaced."""
    target = tmp_path / "model"
    for path in checkpoint_dir.rglob("*"):
        if path.is_file():
            copy = target / path.relative_to(checkpoint_dir)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.hardlink_to(path) if path.stat().st_size > 100_000 else shutil.copy(path, copy)
    return target


@pytest.fixture(autouse=True)
def _empty_hugging_face_cache(tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "no_cache"))


def rewrite(path, change):
    """Replaces a torch file by a changed copy of its content."""
    content = torch.load(path, weights_only=True)
    changed = change(content)
    content = content if changed is None else changed
    path.unlink()
    torch.save(content, path)


def find(folder, **places):
    return locate(folder / "config.yaml", folder, **places)


# Finding


def test_a_complete_folder_is_found(folder):
    files = find(folder)
    assert files["gpt"] == folder / "gpt.pth"
    assert files["semantic_codec"] == folder / "semantic_codec/model.safetensors"
    assert files.glossary is None
    assert files.qwen_emotion is None


def test_all_missing_files_are_listed_at_once_with_their_sources(folder):
    for name in ("gpt.pth", "campplus_cn_common.bin", "w2v-bert/model.safetensors"):
        (folder / name).unlink()
    with pytest.raises(MissingFilesError) as error:
        find(folder)
    message = str(error.value)
    assert "3 file(s)" in message
    assert "gpt.pth of huggingface.co/IndexTeam/IndexTTS-2" in message
    assert "(or aux_paths['campplus']): campplus_cn_common.bin of huggingface.co/funasr/campplus" in message
    assert "model.safetensors of huggingface.co/facebook/w2v-bert-2.0" in message
    assert "--download" in message


def test_an_empty_folder_lacks_everything(tmp_path):
    with pytest.raises(MissingFilesError, match=r"13 file\(s\)"):
        find(tmp_path)


def test_auxiliary_models_may_lie_elsewhere(folder, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for name in ("w2v-bert", "bigvgan", "semantic_codec"):
        (folder / name).rename(elsewhere / name)
    (folder / "campplus_cn_common.bin").rename(elsewhere / "style.bin")
    files = find(
        folder,
        aux_paths={
            "w2v_bert": elsewhere / "w2v-bert",
            "bigvgan": str(elsewhere / "bigvgan"),
            "semantic_codec": elsewhere / "semantic_codec/model.safetensors",
            "campplus": elsewhere / "style.bin",
        },
    )
    assert files["bigvgan_config"] == elsewhere / "bigvgan/config.json"
    assert files["campplus"] == elsewhere / "style.bin"


def test_an_auxiliary_model_that_is_not_where_it_was_said_to_be_is_missing_there(folder, tmp_path):
    with pytest.raises(MissingFilesError, match=r"elsewhere/model\.safetensors: semantic_codec/model\.safetensors of"):
        find(folder, aux_paths={"semantic_codec": tmp_path / "elsewhere/model.safetensors"})


def test_auxiliary_models_are_found_in_the_hugging_face_cache_of_the_folder(folder):
    snapshot = folder / "hf_cache/models--funasr--campplus/snapshots/abc"
    snapshot.mkdir(parents=True)
    (folder / "hf_cache/models--funasr--campplus/refs").mkdir()
    (folder / "hf_cache/models--funasr--campplus/refs/main").write_text("abc")
    (folder / "campplus_cn_common.bin").rename(snapshot / "campplus_cn_common.bin")
    assert find(folder)["campplus"] == snapshot / "campplus_cn_common.bin"


def as_downloaded_today(folder):
    """Moves the models of other projects to where the published downloader puts them: flat, below `hf_cache`."""
    cache = folder / "hf_cache"
    cache.mkdir()
    (folder / "w2v-bert").rename(cache / "w2v-bert-2.0")
    (folder / "bigvgan").rename(cache / "bigvgan")
    (folder / "campplus_cn_common.bin").rename(cache / "campplus_cn_common.bin")
    (folder / "semantic_codec/model.safetensors").rename(cache / "semantic_codec_model.safetensors")


def as_downloaded_earlier(folder):
    """Moves them to where the published downloader put them before: a Hugging Face cache, named `hf_cache`."""
    vocoder = load_config(folder / "config.yaml").vocoder_name
    for repo, names in {
        "facebook/w2v-bert-2.0": {"w2v-bert/config.json": "config.json", "w2v-bert/model.safetensors": ""},
        "amphion/MaskGCT": {"semantic_codec/model.safetensors": "semantic_codec/model.safetensors"},
        "funasr/campplus": {"campplus_cn_common.bin": ""},
        vocoder: {"bigvgan/config.json": "config.json", "bigvgan/bigvgan_generator.pt": ""},
    }.items():
        repository = folder / "hf_cache" / f"models--{repo.replace('/', '--')}"
        (repository / "refs").mkdir(parents=True)
        (repository / "refs/main").write_text("abc")
        for name, remote in names.items():
            target = repository / "snapshots/abc" / (remote or name.rsplit("/", 1)[-1])
            target.parent.mkdir(parents=True, exist_ok=True)
            (folder / name).rename(target)


@pytest.mark.parametrize("lay_out", [as_downloaded_today, as_downloaded_earlier])
def test_both_layouts_of_the_published_downloader_are_the_same_model(folder, lay_out):
    before = fingerprint(find(folder))
    lay_out(folder)

    files = find(folder)

    outside = {name for name, path in files.paths.items() if "hf_cache" in path.parts}
    assert outside == {"w2v_bert", "w2v_bert_config", "semantic_codec", "campplus", "bigvgan", "bigvgan_config"}
    assert fingerprint(files) == before
    assert all(finding.good for finding in check_folder(folder))
    load_components(files, CPU)


@pytest.mark.parametrize("lay_out", [as_downloaded_today, as_downloaded_earlier])
def test_what_is_missing_in_either_layout_is_named_with_both_places(folder, lay_out):
    lay_out(folder)
    next((folder / "hf_cache").rglob("*.pt")).unlink()

    with pytest.raises(MissingFilesError) as error:
        find(folder)

    assert "1 file(s)" in str(error.value)
    assert f"{folder}/bigvgan/bigvgan_generator.pt or {folder}/hf_cache/bigvgan/bigvgan_generator.pt (or" in str(
        error.value
    )
    assert [f.name for f in check_folder(folder) if not f.good] == ["bigvgan"]


def test_the_models_own_files_are_not_taken_from_a_cache(folder):
    """A published gpt.pth somewhere on the machine must not join another model's files."""
    repository = folder / "hf_cache/models--IndexTeam--IndexTTS-2"
    (repository / "snapshots/abc").mkdir(parents=True)
    (repository / "refs").mkdir()
    (repository / "refs/main").write_text("abc")
    (folder / "gpt.pth").rename(repository / "snapshots/abc/gpt.pth")
    with pytest.raises(MissingFilesError, match=r"gpt\.pth"):
        find(folder)


def test_an_unknown_auxiliary_path_is_refused(folder):
    with pytest.raises(ValueError, match=r"unknown aux_paths \['vocoder'\]"):
        find(folder, aux_paths={"vocoder": "x"})


# Loading


def test_weights_are_those_of_the_rule_and_shared_with_the_file(folder):
    gpt = load_components(find(folder), CPU).gpt
    expected = torch.from_numpy(fill("mel_head.weight", gpt.mel_head.weight.shape))
    assert torch.equal(gpt.mel_head.weight, expected)
    mapped = [line for line in open("/proc/self/maps") if str(folder / "gpt.pth") in line]
    assert mapped


def test_nothing_unneeded_is_kept(folder):
    components = load_components(find(folder), CPU)
    names = [
        f"{component}.{name}"
        for component, module in components.checkpoint_modules().items()
        for name, tensor in module.state_dict().items()
    ]
    assert not [name for name in names if name.endswith(("weight_g", "weight_v"))]
    assert not [name for name in names if name.startswith(("semantic_codec.decoder", "gpt.text_head"))]
    assert not [name for name in names if "encoder.layers.17." in name or "x_embedder" in name]


def test_a_checkpoint_inside_an_entry_named_model_is_read(folder):
    rewrite(folder / "gpt.pth", lambda content: {"model": content})
    assert load_components(find(folder), CPU).gpt.mel_head.weight.shape[0] > 0


def test_a_leading_module_is_removed_in_s2mel(folder):
    def wrap(content):
        return {
            "net": {
                part: {f"module.{key}": value for key, value in net.items()} for part, net in content["net"].items()
            }
        }

    rewrite(folder / "s2mel.pth", wrap)
    load_components(find(folder), CPU)


def test_half_precision_files_become_float32(folder):
    rewrite(folder / "gpt.pth", lambda content: {key: value.half() for key, value in content.items()})
    assert load_components(find(folder), CPU).gpt.mel_head.weight.dtype == torch.float32


def test_missing_unexpected_and_misshapen_entries_are_named(folder):
    def spoil(content):
        del content["final_norm.weight"]
        content["extra.bias"] = torch.zeros(2)
        content["mel_head.bias"] = torch.zeros(3)

    rewrite(folder / "gpt.pth", spoil)
    with pytest.raises(CheckpointError) as error:
        load_components(find(folder), CPU)
    assert "gpt.pth does not fit gpt" in str(error.value)
    assert "1 missing: final_norm.weight" in str(error.value)
    assert "1 unexpected: extra.bias" in str(error.value)
    assert "1 misshapen: mel_head.bias (3,) instead of (514,)" in str(error.value)


def test_a_missing_entry_in_a_safetensors_file_is_named(folder):
    path = folder / "semantic_codec/model.safetensors"
    entries = load_file(path)
    del entries["encoder.1.bias"]
    path.unlink()
    save_file(entries, path)
    with pytest.raises(CheckpointError, match=r"1 missing: encoder\.1\.bias"):
        load_components(find(folder), CPU)


class Dangerous:
    def __reduce__(self):
        return (eval, ("1 + 1",))


def test_a_pickle_with_anything_but_tensors_is_refused(folder):
    (folder / "gpt.pth").unlink()
    torch.save({"mel_head.bias": torch.zeros(1), "hook": Dangerous()}, folder / "gpt.pth")
    with pytest.raises(CheckpointError, match=r"gpt\.pth holds objects other than tensors and is refused"):
        load_components(find(folder), CPU)


def test_files_that_cannot_be_mapped_or_read_are_named(tmp_path):
    plain, empty, cut = tmp_path / "plain.pth", tmp_path / "empty.pth", tmp_path / "cut.pth"
    plain.write_bytes(pickle.dumps({"a": 1}))
    empty.write_bytes(b"")
    torch.save({"a": torch.zeros(1000)}, cut)
    cut.write_bytes(cut.read_bytes()[:2000])
    for path in (plain, empty, cut):
        with pytest.raises(CheckpointError, match=path.name):
            read_pickle(path)


def test_a_pickle_that_is_no_dictionary_is_refused(folder):
    for content in ([torch.zeros(2)], torch.zeros(3)):
        rewrite(folder / "s2mel.pth", lambda _, content=content: content)
        with pytest.raises(CheckpointError, match=r"s2mel\.pth has no entry net/cfm"):
            load_components(find(folder), CPU)


# Checking


def states(findings):
    return {finding.name: finding.state for finding in findings}


def test_a_good_folder_passes_the_check(folder):
    findings = check_folder(folder)
    assert all(finding.good for finding in findings)
    assert states(findings)["qwen_emotion"] == "optional"
    assert findings[-1].detail == fingerprint(find(folder))


def test_the_check_reports_every_defect(folder):
    (folder / "campplus_cn_common.bin").unlink()
    rewrite(
        folder / "gpt.pth", lambda content: {key: value for key, value in content.items() if key != "mel_head.bias"}
    )
    rewrite(folder / "feat1.pt", lambda content: content[:, :5].clone())
    (folder / "bigvgan/bigvgan_generator.pt").unlink()
    (folder / "bigvgan/bigvgan_generator.pt").write_bytes(b"not a checkpoint")
    findings = check_folder(folder)
    wrong = {finding.name: finding.state for finding in findings if not finding.good}
    assert wrong == {"campplus": "missing", "gpt": "wrong", "spk_matrix": "wrong", "bigvgan": "wrong"}
    assert "1 missing: mel_head.bias" in next(finding.detail for finding in findings if finding.name == "gpt")
    assert "fingerprint" not in states(findings)


def test_the_check_of_an_empty_folder_names_every_file(tmp_path):
    findings = check_folder(tmp_path)
    assert [finding.state for finding in findings].count("missing") == 13


# Fingerprint


def test_the_fingerprint_depends_on_contents_only(folder, checkpoint_dir, tmp_path):
    moved = tmp_path / "moved"
    shutil.copytree(folder, moved)
    (moved / "semantic_codec").rename(tmp_path / "codec")
    elsewhere = find(moved, aux_paths={"semantic_codec": tmp_path / "codec"})
    assert fingerprint(elsewhere) == fingerprint(find(folder)) == fingerprint(find(checkpoint_dir))


def test_a_single_changed_weight_changes_the_fingerprint(folder):
    before = fingerprint(find(folder))

    def nudge(content):
        content["generator"]["conv_pre.bias"][0] += 1e-6

    rewrite(folder / "bigvgan/bigvgan_generator.pt", nudge)
    assert fingerprint(find(folder)) != before


def test_a_changed_weight_in_the_middle_of_a_large_file_changes_the_fingerprint(tmp_path):
    """Between the sampled blocks: the CRC at the end of the file tells."""
    from indextts.checkpoint.fingerprint import file_digest

    weights = {"first": torch.zeros(1_000_000), "second": torch.zeros(1_000_000), "third": torch.zeros(1_000_000)}
    torch.save(weights, tmp_path / "before.pth")
    weights["second"][123_457] = 1.0
    torch.save(weights, tmp_path / "after.pth")
    assert (tmp_path / "before.pth").stat().st_size > 8_000_000
    assert file_digest(tmp_path / "before.pth") != file_digest(tmp_path / "after.pth")


def test_a_glossary_changes_the_fingerprint(folder):
    before = fingerprint(find(folder))
    (folder / "glossary.yaml").write_text("M.2:\n  en: em dot two\n")
    assert fingerprint(find(folder)) != before


# config.yaml


def changed_config(folder, path, value):
    content = yaml.safe_load((folder / "config.yaml").read_text())
    node = content
    *parents, last = path.split(".")
    for name in parents:
        node = node[name]
    if value is None:
        del node[last]
    else:
        node[last] = value
    (folder / "config.yaml").write_text(yaml.safe_dump(content))
    return folder / "config.yaml"


def test_the_published_sizes_are_read():
    config = load_config(published_config_path())
    assert (config.gpt.model_dim, config.gpt.layers, config.gpt.heads) == (1280, 24, 20)
    assert (config.gpt.condition.num_blocks, config.gpt.emo_condition.num_blocks) == (6, 4)
    assert config.gpt_layer_dims == (1280, 256, 128, 1024)
    assert (config.cfm.dit.depth, config.cfm.dit.wavenet.num_layers) == (13, 8)
    assert config.spectrogram.fmax is None
    assert sum(config.emo_num) == 73


def test_settings_of_training_are_ignored(folder):
    changed_config(folder, "s2mel.DiT.some_training_switch", True)
    assert load_config(changed_config(folder, "optimizer", {"lr": 0.1})).gpt.layers == 3


def test_all_missing_settings_are_named(folder):
    changed_config(folder, "gpt.model_dim", None)
    path = changed_config(folder, "s2mel.length_regulator", None)
    with pytest.raises(ConfigError) as error:
        load_config(path)
    for name in ("gpt.model_dim", "s2mel.length_regulator.channels", "s2mel.length_regulator.in_channels"):
        assert f"{name} is missing" in str(error.value)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("gpt.layers", "three", "gpt.layers must be a whole number, not 'three'"),
        ("emo_num", [1, 2.5], "emo_num must be a list of whole numbers"),
        ("s2mel.DiT.f0_condition", True, "s2mel.DiT.f0_condition is True; supported: False"),
        ("s2mel.length_regulator.channels", 97, "s2mel.DiT.content_dim differ: 97 and 96"),
        ("gpt.heads", 0, "gpt.model_dim 192 is not a multiple of gpt.heads 0"),
        ("version", 2.5, "version is 2.5; this package runs IndexTTS 2.0"),
        ("version", float("nan"), "version is nan; this package runs IndexTTS 2.0"),
    ],
)
def test_impossible_settings_are_explained(folder, path, value, message):
    with pytest.raises(ConfigError, match=message):
        load_config(changed_config(folder, path, value))


def test_any_other_fmax_means_8000_hertz(folder):
    assert (
        load_config(changed_config(folder, "s2mel.preprocess_params.spect_params.fmax", 11025)).spectrogram.fmax == 8000
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"activation": "snake"}, "activation is 'snake'; supported: 'snakebeta'"),
        ({"resblock_dilation_sizes": [[1, "x"]]}, "resblock_dilation_sizes must be a list of lists of whole numbers"),
        ({"resblock_dilation_sizes": None}, "resblock_dilation_sizes is missing"),
    ],
)
def test_a_vocoder_of_another_kind_is_refused(folder, changes, message):
    path = folder / "bigvgan/config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    with pytest.raises(ConfigError, match=message):
        load_vocoder_config(path)


# indextts.tiny


def test_the_tiny_configuration_is_that_of_the_goldens(checkpoint_dir, tiny_config_dir):
    for name in (*CONFIG_FILES, "bpe.model"):
        assert (checkpoint_dir / name).read_bytes() == (tiny_config_dir / name).read_bytes()


def test_writing_again_gives_the_same_model_and_spares_the_mapped_files(checkpoint_dir, tmp_path):
    target = write_checkpoint(tmp_path)
    mapped = read_pickle(target / "gpt.pth")["mel_head.bias"]
    before = mapped.clone()
    main([str(target), "--size", "tiny", "--seed-rule", "parity"])
    assert torch.equal(mapped, before)
    assert fingerprint(find(target)) == fingerprint(find(checkpoint_dir))
    assert not list(target.rglob("*.partial"))


def test_an_unknown_size_is_refused(tmp_path):
    with pytest.raises(ValueError, match="unknown size 'huge'; sizes are tiny, small, official"):
        write_checkpoint(tmp_path, "huge")


def test_a_glossary_that_is_a_pipe_is_refused_and_not_passed_over(checkpoint_dir, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(checkpoint_dir, folder)
    os.mkfifo(folder / "glossary.yaml")
    with pytest.raises(ValueError, match=r"glossary\.yaml is a pipe: give a regular file"):
        IndexTTS2(folder / "config.yaml", folder, device="cpu")
