"""A dialogue file dropped into `<data root>/inbox/` becomes a dataset of its name."""

import json
import os

import dagster as dg

from ..jobs import parse_dataset
from ..names import dataset_name_from
from ..partitions import datasets
from ..resources import DataRoot
from ..run_tags import DATASET_TAG

_ENDINGS = (".jsonl", ".jsonl.gz")
_RECIPE_ENDINGS = (".yaml", ".yml")


@dg.sensor(job=parse_dataset, minimum_interval_seconds=15, default_status=dg.DefaultSensorStatus.RUNNING)
def inbox(context: dg.SensorEvaluationContext, data: DataRoot) -> dg.SensorResult | dg.SkipReason:
    """Start a dataset for each new or changed file; `NAME.yaml` beside `NAME.jsonl` is its recipe.

    A file is taken when size and modification time have not changed since the last tick, so that a half-copied file is
    left alone. The cursor holds, by file name, the state last seen and whether it was taken.
    """
    folder = data.root / "inbox"
    if not folder.is_dir():
        return dg.SkipReason(f"{folder} does not exist; create it and drop dialogue files into it")
    before: dict[str, list] = json.loads(context.cursor) if context.cursor else {}
    after: dict[str, list] = {}
    requests, waiting = [], []
    with os.scandir(folder) as entries:
        files = sorted((e for e in entries if e.is_file() and e.name.lower().endswith(_ENDINGS)), key=lambda e: e.name)
    for entry in files:
        status = entry.stat()
        state = [status.st_size, status.st_mtime_ns]
        seen = before.get(entry.name)
        taken = bool(seen and seen[:2] == state and seen[2])
        if not taken and seen and seen[:2] == state:
            try:
                requests.append(_request(entry, state))
                taken = True
            except ValueError as error:
                context.log.error(f"{entry.path} is not taken: {error}")
                taken = True  # says so once, not at every tick; a renamed or changed file is looked at again
        elif not taken:
            waiting.append(entry.name)
        after[entry.name] = [*state, taken]
    context.update_cursor(json.dumps(after))
    if not requests:
        return dg.SkipReason(
            f"waiting for {', '.join(waiting)} to be complete" if waiting else "nothing new in the inbox"
        )
    names = [request.partition_key for request in requests if request.partition_key]
    return dg.SensorResult(run_requests=requests, dynamic_partitions_requests=[datasets.build_add_request(names)])


def _request(entry: os.DirEntry, state: list[int]) -> dg.RunRequest:
    """Request for one file.

    Raises:
        ValueError: the file's name cannot name a dataset.
    """
    name = dataset_name_from(entry.name)
    config = {"input": os.path.abspath(entry.path)}
    stem = entry.path[
        : -len(next(e for e in sorted(_ENDINGS, key=len, reverse=True) if entry.path.lower().endswith(e)))
    ]
    for ending in _RECIPE_ENDINGS:
        if os.path.isfile(stem + ending):
            config["recipe_file"] = os.path.abspath(stem + ending)
            break
    return dg.RunRequest(
        run_key=f"inbox:{entry.name}:{state[0]}:{state[1]}",
        partition_key=name,
        run_config={"ops": {"synthesis_tasks": {"config": config}}},
        tags={DATASET_TAG: name},
    )
