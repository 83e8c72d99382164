"""A dialogue file dropped into `<data root>/inbox/` becomes a dataset of its name."""

import json

import dagster as dg

from ...names import COMPRESSED_ENDINGS, DIALOGUE_ENDINGS, dataset_name_from
from ...storage.inbox import InboxFile, State, look_into, open_inbox, refusals
from ..jobs import parse_dataset
from ..partitions import datasets
from ..resources import DataRoot
from ..run_tags import DATASET_TAG

_TAKEN, _CHANGED = "taken", "changed"
_MOST_NAMED = 10


@dg.sensor(
    description="A dialogue file in the inbox becomes a dataset of its name; NAME.yaml beside it is its recipe.",
    job=parse_dataset,
    minimum_interval_seconds=15,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def inbox(context: dg.SensorEvaluationContext, data: DataRoot) -> dg.SensorResult | dg.SkipReason:
    """Start a dataset for each new or changed file; `NAME.yaml` beside `NAME.jsonl` is its recipe.

    A file is taken when it and its recipe have not changed since the last tick, so that a half-copied one is left
    alone. The cursor holds, by file name, the state last seen and what became of the file: `taken`, `changed` since it
    was taken, why it was refused, or nothing yet.
    """
    try:
        folder = open_inbox(data.root)
        files, others = look_into(folder)
    except OSError as error:
        return dg.SkipReason(f"the inbox in {data.root} cannot be used: {error.strerror}")
    before = _read(context.cursor)
    after: dict[str, tuple[State, str]] = {}
    known = {name for name, (_, became) in before.items() if became in (_TAKEN, _CHANGED)}
    refused = refusals(files, data.root, known)
    requests, waiting = [], []
    for file in files:
        state, became = before.get(file.name, ([], ""))
        if state != file.state:
            waiting.append(file.name)
            became = _CHANGED if file.name in known else ""
        elif reason := refused.get(file.name):
            if became != reason:
                context.log.error(f"{file.path} is not taken: {reason}")  # once, not at every tick
            became = reason
        elif became != _TAKEN:
            requests.append(_request(file))
            became = _TAKEN
        after[file.name] = (file.state, became)
    context.update_cursor(json.dumps(after))
    if not requests:
        return dg.SkipReason(_why_nothing(waiting, {n: r for n, r in refused.items() if after[n][1] == r}, others))
    names = [request.partition_key for request in requests if request.partition_key]
    return dg.SensorResult(run_requests=requests, dynamic_partitions_requests=[datasets.build_add_request(names)])


def _read(cursor: str | None) -> dict[str, tuple[State, str]]:
    """The state of the last tick; empty if the cursor was edited into something else."""
    try:
        return {name: (list(state), str(became)) for name, (state, became) in json.loads(cursor or "{}").items()}
    except (ValueError, TypeError, AttributeError):
        return {}


def _why_nothing(waiting: list[str], refused: dict[str, str], others: list[str]) -> str:
    reasons = [f"waiting for {_named(waiting)} to be complete"] if waiting else []
    reasons += [f"{name!r} is refused: {reason}" for name, reason in list(refused.items())[:_MOST_NAMED]]
    if others:
        reasons.append(
            f"left alone: {_named(others)} (dialogue files end in {', '.join(DIALOGUE_ENDINGS)}, also with "
            f"{', '.join(COMPRESSED_ENDINGS)}, and NAME.yaml is the recipe of NAME.jsonl)"
        )
    return "; ".join(reasons) or "nothing new in the inbox"


def _named(names: list[str]) -> str:
    more = [f"{len(names) - _MOST_NAMED} more"] if len(names) > _MOST_NAMED else []
    return ", ".join([*names[:_MOST_NAMED], *more])


def _request(file: InboxFile) -> dg.RunRequest:
    """The run request for one file."""
    name = dataset_name_from(file.name)
    config = {"input": str(file.path)}
    if file.recipe:
        config["recipe_file"] = str(file.recipe)
    return dg.RunRequest(
        run_key=":".join(["inbox", file.name, *map(str, file.state)]),
        partition_key=name,
        run_config={"ops": {"synthesis_tasks": {"config": config}}},
        tags={DATASET_TAG: name},
    )
