"""What depends on the number of shards: registering one more among 39 063, in an instance on SQLite like a user's."""

from __future__ import annotations

import tempfile
import time

import dagster as dg

from moshi_assets.defs.partitions import register_shards
from moshi_assets.names import shard_key

from .measure import save

SHARDS = 39_063
"""Ten million dialogues in shards of 256."""


def registering(shards: int) -> dict[str, float]:
    """Wall seconds to register so many shards, one more, one fewer, and one more when another dataset follows."""

    def seconds(count: int, dataset: str = "talks") -> float:
        keys = [shard_key(dataset, index) for index in range(count)]
        begin = time.perf_counter()
        register_shards(instance, dataset, keys)
        return round(time.perf_counter() - begin, 3)

    with tempfile.TemporaryDirectory() as folder, dg.DagsterInstance.local_temp(folder) as instance:
        instance.get_dynamic_partitions("shards")  # makes the tables
        figures = {
            "all_seconds": seconds(shards),
            "one_more_seconds": seconds(shards + 1),
            "one_fewer_seconds": seconds(shards),
        }
        seconds(3, "others")
        return figures | {"one_more_before_others_seconds": seconds(shards + 1)}


def main() -> None:
    figures = {"shards": SHARDS, "registering": registering(SHARDS)}
    save("many_shards", "python -m benchmarks many_shards", figures)


if __name__ == "__main__":
    main()
