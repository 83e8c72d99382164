"""Names that reach the disk."""

import re
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from moshi_assets.names import (
    check_dataset_name,
    dataset_name_from,
    file_stem,
    hashed_stem,
    is_reserved,
    shard_key,
    split_shard_key,
)
from moshi_assets.storage.whole_file import temporary_name
from tests.moshi_assets.support.plain_dataset import PlainDataset, record

HOSTILE = [
    "../escape",
    "../../../../tmp/escape",
    "/etc/passwd",
    "a/b",
    "a\\b",
    "..",
    ".",
    ".hidden",
    "-rf",
    "C:evil",
    "CON",
    "nul.txt",
    "com1.x/y",
    "con ",
    "tab\there",
    "new\nline",
    "nul\x00byte",
    "trailing.",
    "emoji 🎧",
    "שלום",
    "~",
    "a~0123456789abcdef0123",
    "talks.jsonl",
    "x" * 1000,
    "x" * 999 + "y",
    "Ä" * 300,
    "a*?<>|:b",
    "$(reboot)",
    "%2e%2e%2f",
]
IDS = st.one_of(
    st.text(min_size=1, max_size=200),
    st.text("abAB/\\.-_~ \x00\n", min_size=1, max_size=8),
    st.sampled_from(HOSTILE),
    st.from_regex(r"(?i)(con|nul|aux|com[0-9])(\.[a-z]*)?[ /]?", fullmatch=True),
)


@pytest.mark.parametrize("plain", ["talk_001", "a", "7", "A-b.c_d", "x" * 100, "v1.2", "_id"])
def test_a_plain_id_is_its_own_stem(plain: str):
    assert file_stem(plain) == plain


@given(IDS)
@example("con.")
@example("\ud800")
def test_a_stem_is_a_portable_file_name(dialogue_id: str):
    stem = file_stem(dialogue_id)
    assert re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.~-]*", stem)
    assert not stem.endswith(".") and ".." not in Path(stem).parts
    assert not is_reserved(stem)
    assert len(stem) <= 100


@given(IDS)
def test_a_temporary_file_of_a_stem_has_an_allowed_length(dialogue_id: str):
    assert len(temporary_name(Path(f"{file_stem(dialogue_id)}.wav")).name.encode()) <= 255


@given(IDS, IDS)
@example("a/b", "a_b")
@example("a b", "a_b")
@example("x" * 101, "x" * 102)
@example("..", ".")
def test_distinct_ids_have_distinct_stems(first: str, second: str):
    assert (file_stem(first) == file_stem(second)) == (first == second)


@given(IDS, IDS)
def test_a_hashed_stem_never_meets_a_plain_one(first: str, second: str):
    assert hashed_stem(first).lower() != second.lower() or file_stem(second) != second


@pytest.mark.parametrize("name", ["con", "CON", "Nul", "aux.txt", "COM1", "lpt9.wav", "com0"])
def test_device_names_are_reserved(name: str):
    assert is_reserved(name)


@pytest.mark.parametrize("name", ["console", "nula", "com", "lpt10", "xcon", "a.con"])
def test_other_names_are_not_reserved(name: str):
    assert not is_reserved(name)


@pytest.mark.parametrize("name", ["talks", "Talks-2", "a" * 64, "0_x"])
def test_dataset_names_that_are_allowed(name: str):
    assert check_dataset_name(name) == name


@pytest.mark.parametrize(
    "name", ["", "a" * 65, "a.b", "a/b", "..", "-a", "_a", "a b", "ä", "con", "INBOX", "inbox", "a\n", "a\x00"]
)
def test_dataset_names_that_are_refused(name: str):
    with pytest.raises(ValueError, match="dataset name"):
        check_dataset_name(name)


@pytest.mark.parametrize(
    ("file_name", "dataset"),
    [
        ("talks.jsonl", "talks"),
        ("My talks (2).JSONL.gz", "My_talks_2"),
        ("a.b.ndjson", "a_b"),
        ("noending", "noending"),
        ("über.json", "ber"),
        ("x" * 90 + ".jsonl", "x" * 64),
    ],
)
def test_a_file_name_suggests_a_dataset_name(file_name: str, dataset: str):
    assert dataset_name_from(file_name) == dataset


@pytest.mark.parametrize("file_name", [".jsonl", "...jsonl.gz", "inbox.jsonl", "NUL.json"])
def test_a_file_name_that_suggests_nothing_usable_is_an_error(file_name: str):
    with pytest.raises(ValueError, match="dataset name"):
        dataset_name_from(file_name)


@given(st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,20}", fullmatch=True), st.integers(0, 10**7))
def test_a_shard_key_gives_back_its_parts(dataset: str, index: int):
    assert split_shard_key(shard_key(dataset, index)) == (dataset, index)


@given(st.integers(0, 999_998), st.integers(0, 999_998))
def test_shard_keys_sort_like_their_numbers(first: int, second: int):
    assert (shard_key("d", first) < shard_key("d", second)) == (first < second)


@pytest.mark.parametrize("key", ["", "talks", "talks.1", "talks.00000x", ".000001", "a.b.000001", "talks.000001\n"])
def test_what_is_not_a_shard_key_is_refused(key: str):
    with pytest.raises(ValueError, match="not a shard key"):
        split_shard_key(key)


@given(ids=st.lists(st.one_of(IDS, st.text("abAB", min_size=1, max_size=3)), min_size=1, max_size=20))
def test_stems_of_a_dataset_differ_even_without_case(ids: list[str], tmp_path_factory: pytest.TempPathFactory):
    dataset = PlainDataset(tmp_path_factory.mktemp("ids"), [record(0, id="first"), *(record(0, id=i) for i in ids)])
    dataset.plan()
    stems = {row["dialogue_id"]: row["stem"].lower() for row in dataset.tasks()}
    assert len(set(stems.values())) == len(stems)


@given(ids=st.lists(st.text("abAB~", min_size=1, max_size=3), min_size=1, max_size=20))
def test_only_repeated_ids_are_duplicates(ids: list[str], tmp_path_factory: pytest.TempPathFactory):
    dataset = PlainDataset(tmp_path_factory.mktemp("ids"), [record(0, id=name) for name in ids])
    dataset.plan()
    assert [row["dialogue_id"] for row in dataset.tasks()[::2]] == list(dict.fromkeys(ids))


@pytest.mark.parametrize("shard_dirs", [False, True])
def test_hostile_ids_write_nothing_outside_the_dataset(tmp_path: Path, shard_dirs: bool):
    lines = [record(number, id=name) for number, name in enumerate([*HOSTILE, "Case", "case", "CASE"])]
    dataset = PlainDataset(tmp_path, lines, shard_dirs=shard_dirs, keep_temp=True)

    dataset.build()

    outside = [path for path in tmp_path.rglob("*") if path.is_file() and dataset.store.folder not in path.parents]
    assert outside == [dataset.source]


def test_every_hostile_id_has_its_own_recording(tmp_path: Path):
    names = [*HOSTILE, "Case", "case", "CASE"]
    dataset = PlainDataset(tmp_path, [record(number, id=name) for number, name in enumerate(names)])

    dataset.build()

    stripped = len({name.strip() for name in names})  # surrounding white space is no part of an id
    assert len({row["path"].lower() for row in dataset.rows()}) == stripped
    assert len(list(dataset.store.stereo_folder.iterdir())) == stripped
