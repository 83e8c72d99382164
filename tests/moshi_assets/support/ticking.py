"""Ticks of sensors and schedules, by Dagster's own evaluation and with a cursor that is handed on as the daemon
does.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence

import dagster as dg
from dagster._core.definitions.run_request import DagsterRunReaction

from moshi_assets.definitions import defs

NIGHT = datetime.datetime(2030, 1, 2, 2, 0, tzinfo=datetime.UTC)


class Ticks:
    """Ticks of one sensor.

    After each, what it asks of the instance is done and its cursor kept, but nothing launched.
    """

    def __init__(self, sensor: str, instance: dg.DagsterInstance) -> None:
        self._repository = defs.get_repository_def()
        self._sensor = self._repository.get_sensor_def(sensor)
        self._instance = instance
        self.cursor: str | None = None
        self.skipped = ""
        self.observations: Sequence[dg.AssetObservation] = ()
        self.reactions: Sequence[DagsterRunReaction] = ()

    def tick(self) -> list[dg.RunRequest]:
        """Run requests of one evaluation."""
        with dg.build_sensor_context(
            instance=self._instance,
            instance_ref=self._instance.get_ref(),  # from which partition keys of requests are resolved
            cursor=self.cursor,
            repository_def=self._repository,
            sensor_name=self._sensor.name,
            resources=self._repository.get_top_level_resources(),
        ) as context:
            outcome = self._sensor.evaluate_tick(context)
        self.cursor = outcome.cursor
        self.skipped = outcome.skip_message or ""
        self.observations = [event for event in outcome.asset_events if isinstance(event, dg.AssetObservation)]
        self.reactions = outcome.dagster_run_reactions or ()
        for request in outcome.dynamic_partitions_requests or ():
            assert isinstance(request, dg.AddDynamicPartitionsRequest)
            self._instance.add_dynamic_partitions(request.partitions_def_name, list(request.partition_keys))
        for event in outcome.asset_events:
            self._instance.report_runless_asset_event(event)
        return list(outcome.run_requests or ())


def at_night(schedule: str, instance: dg.DagsterInstance, when: datetime.datetime = NIGHT) -> Sequence[dg.RunRequest]:
    """Run requests of a schedule's tick."""
    repository = defs.get_repository_def()
    with dg.build_schedule_context(
        instance=instance,
        scheduled_execution_time=when,
        repository_def=repository,
        resources=repository.get_top_level_resources(),
    ) as context:
        return repository.get_schedule_def(schedule).evaluate_tick(context).run_requests or []
