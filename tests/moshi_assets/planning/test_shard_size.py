"""Shard size and folders by the size of the dataset, where the recipe leaves them to it."""

import gzip
from pathlib import Path

import pytest

from moshi_assets.planning import shard_size
from moshi_assets.planning.shard_size import dialogues_per_shard
from moshi_assets.planning.stage import plan
from moshi_assets.recipe import Recipe
from moshi_assets.storage.dataset import DatasetStore
from tests.moshi_assets.support.pipeline import dialogue, write_dialogues


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sizes at which these tests need few dialogues."""
    for name, value in {"USUAL_SHARD": 4, "MOST_SHARDS": 5, "FOLDERS_ABOVE": 10}.items():
        monkeypatch.setattr(shard_size, name, value)


@pytest.fixture
def store(tmp_path: Path) -> DatasetStore:
    return DatasetStore(tmp_path / "data", "talks")


def made_of(store: DatasetStore, count: int, **settings) -> Recipe:
    """A recipe for a file of so many dialogues, which replaces the one before."""
    source = store.root.parent / "talks.jsonl"
    write_dialogues(source, [dialogue(number) for number in range(count)])
    return Recipe(name="talks", source=str(source), engine="noise", **settings)


def sizes(store: DatasetStore) -> list[int]:
    """Number of dialogues in each shard."""
    return [len(set(store.tasks(shard)["dialogue_id"].to_pylist())) for shard in store.shards()]


def decided(store: DatasetStore) -> tuple[int | None, bool | None]:
    recipe = store.recipe()
    return recipe.samples_per_shard, recipe.shard_dirs


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(
    ("count", "per_shard", "folders"), [(3, 4, False), (10, 4, False), (11, 4, True), (20, 4, True), (27, 6, True)]
)
def test_a_large_dataset_gets_larger_shards_and_folders(store, count, per_shard, folders):
    plan(made_of(store, count), store)

    assert decided(store) == (per_shard, folders)
    assert sizes(store) == [per_shard] * (count // per_shard) + ([count % per_shard] if count % per_shard else [])


@pytest.mark.usefixtures("small")
def test_what_the_user_sets_is_kept(store):
    plan(made_of(store, 27, samples_per_shard=9, shard_dirs=False), store)

    assert decided(store) == (9, False) and sizes(store) == [9, 9, 9]


@pytest.mark.usefixtures("small")
def test_a_dataset_that_grows_keeps_its_shards_until_the_user_sets_another_size(store):
    plan(made_of(store, 10), store)
    before = [store.tasks(shard) for shard in store.shards()][:2]

    plan(made_of(store, 60), store)
    assert decided(store) == (4, False) and sizes(store) == [4] * 15
    assert [store.tasks(shard) for shard in store.shards()][:2] == before

    plan(made_of(store, 60, samples_per_shard=30, shard_dirs=True), store)
    assert decided(store) == (30, True) and sizes(store) == [30, 30]


@pytest.mark.usefixtures("small")
def test_an_unchanged_file_is_planned_the_same_again(store):
    recipe = made_of(store, 27)
    plan(recipe, store)
    before = store.tasks_fingerprint(), store.recipe_path.read_bytes()

    plan(recipe, store)

    assert (store.tasks_fingerprint(), store.recipe_path.read_bytes()) == before


@pytest.mark.usefixtures("small")
def test_what_is_not_read_makes_no_shard_larger(store):
    assert dialogues_per_shard(made_of(store, 100, max_samples=15), store) == 4
    assert dialogues_per_shard(made_of(store, 100, max_samples=30), store) == 6
    assert dialogues_per_shard(made_of(store, 100), store) == 20


@pytest.mark.usefixtures("small")
def test_records_in_compressed_files_are_counted_too(store, tmp_path):
    plain = Path(str(made_of(store, 40).source))
    packed = tmp_path / "talks.jsonl.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    recipe = Recipe(name="talks", source=[str(plain), str(packed)], engine="noise")

    assert dialogues_per_shard(recipe, store) == 16


@pytest.mark.usefixtures("small")
def test_the_dialogues_of_a_table_are_counted_and_not_its_rows(store, tmp_path):
    turns = ("user,Are you there?", "assistant,Yes.", "user,Good.", "assistant,Go on.")
    rows = [f"talk_{number},{turn}" for number in range(30) for turn in turns]
    source = tmp_path / "talks.csv"
    source.write_text("\n".join(["conversation_id,role,text", *rows, ""]))
    recipe = Recipe(name="talks", source=str(source), engine="noise")

    assert dialogues_per_shard(recipe, store) == 6
    plan(recipe, store)
    assert sizes(store) == [6] * 5


@pytest.mark.usefixtures("small")
def test_a_file_that_cannot_be_counted_is_left_to_the_parse(store, tmp_path):
    recipe = Recipe(name="talks", source=str(tmp_path / "missing.jsonl"), engine="noise")

    assert dialogues_per_shard(recipe, store) == 4


def test_a_file_of_usual_size_is_not_read_for_it(store, monkeypatch):
    recipe = made_of(store, 50)
    monkeypatch.setattr(shard_size, "open_decompressed", lambda path: pytest.fail("it was read"))

    assert dialogues_per_shard(recipe, store) == 256
    monkeypatch.setattr(shard_size, "MOST_SHARDS", 1)
    with pytest.raises(pytest.fail.Exception, match="it was read"):  # negative control
        dialogues_per_shard(recipe, store)


def test_ten_million_dialogues_make_twenty_thousand_shards(store, tmp_path):
    source = tmp_path / "lines.jsonl"
    line = b'{"user_text": "a", "assistant_text": "b"}\n'
    with open(source, "wb") as out:
        out.writelines(line * 100_000 for _ in range(100))
    recipe = Recipe(name="talks", source=str(source), engine="noise")

    assert dialogues_per_shard(recipe, store) == 500
