"""All that Dagster is told, as a page to read. To renew it:

python tests/moshi_assets/support/definitions_snapshot.py > tests/moshi_assets/support/definitions.yaml
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dagster as dg
import yaml

from moshi_assets.definitions import defs

SNAPSHOT = Path(__file__).with_name("definitions.yaml")


def snapshot() -> str:
    """Assets with their checks, jobs, sensors, schedules and resources, as YAML."""
    graph = defs.resolve_asset_graph()
    repository = defs.get_repository_def()
    page = {
        "assets": {key.to_user_string(): _asset(graph, key) for key in graph.toposorted_asset_keys},
        "checks": {key.to_user_string(): _check(graph.get_check_spec(key)) for key in sorted(graph.asset_check_keys)},
        "jobs": {job.name: {"description": job.description} for job in defs.jobs or ()},
        "sensors": {sensor.name: _sensor(sensor) for sensor in repository.sensor_defs},
        "schedules": {schedule.name: _schedule(schedule) for schedule in repository.schedule_defs},
        "resources": sorted(defs.resources or ()),
    }
    return yaml.safe_dump(page, sort_keys=False, allow_unicode=True, width=120)


def _asset(graph: Any, key: dg.AssetKey) -> dict[str, Any]:
    node = graph.get(key)
    mappings = {parent: node.partition_mappings.get(parent) for parent in sorted(node.parent_keys)}
    return {
        "description": node.description,
        "partitions": node.partitions_def.name,
        "depends_on": {
            parent.to_user_string(): type(mapping).__name__ if mapping is not None else "same partition"
            for parent, mapping in mappings.items()
        },
        "code_version": node.code_version,
        "owners": list(node.owners),
        "kinds": sorted(node.kinds),
        "group": node.group_name,
        "single_run": node.backfill_policy == dg.BackfillPolicy.single_run(),
        "columns": _columns(node.metadata.get("dagster/column_schema")),
        "code_reference": "dagster/code_references" in node.metadata,
    }


def _columns(schema: Any) -> list[str]:
    return [column.name for column in getattr(schema, "schema", schema).columns] if schema is not None else []


def _check(spec: dg.AssetCheckSpec) -> dict[str, Any]:
    return {"description": spec.description, "blocking": spec.blocking}


def _sensor(sensor: dg.SensorDefinition) -> dict[str, Any]:
    return {
        "description": sensor.description,
        "seconds": sensor.minimum_interval_seconds,
        "starts": sensor.default_status.value,
    }


def _schedule(schedule: dg.ScheduleDefinition) -> dict[str, Any]:
    return {
        "description": schedule.description,
        "when": f"{schedule.cron_schedule} {schedule.execution_timezone}",
        "starts": schedule.default_status.value,
    }


if __name__ == "__main__":
    print(snapshot(), end="")
