"""The executor: one process for each lane, as many as the run config says, with a plain message if one is killed."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import Any

import dagster as dg
from dagster._core.definitions.executor_definition import multiple_process_executor_requirements
from dagster._core.events import DagsterEvent
from dagster._core.execution.context.system import IStepContext, PlanOrchestrationContext
from dagster._core.execution.plan.objects import StepFailureData, UserFailureData
from dagster._core.execution.plan.plan import ExecutionPlan
from dagster._core.execution.plan.state import KnownExecutionState
from dagster._core.execution.retries import RetryMode
from dagster._core.executor.child_process_executor import ChildProcessCrashException
from dagster._core.executor.multiprocess import MultiprocessExecutor
from dagster_shared.error import SerializableErrorInfo

from ..processes.fork_server import start_method
from ..processes.killed import ending, killed_sentence
from ..processes.memory import MemoryWatch
from ..processes.pools import usable_cores
from .run_failure import KILLED


class LanesExecutor(MultiprocessExecutor):
    """Dagster's own multiprocess executor, extended to report the memory of a step that was killed."""

    def execute(self, plan_context: PlanOrchestrationContext, execution_plan: ExecutionPlan) -> Iterator[DagsterEvent]:
        self._memory = MemoryWatch()
        try:
            for event in super().execute(plan_context, execution_plan):
                if event.pid and event.step_key and event.pid != os.getpid():
                    self._memory.add(event.pid)
                yield event
        finally:
            self._memory.stop()

    def log_failure_or_retry_event_after_error(
        self, step_context: IStepContext, err_info: SerializableErrorInfo, known_state: KnownExecutionState
    ) -> DagsterEvent:
        crash = sys.exc_info()[1]  # Dagster keeps of it neither the process nor its exit code
        if not isinstance(crash, ChildProcessCrashException) or step_context.op_retry_policy:
            return super().log_failure_or_retry_event_after_error(step_context, err_info, known_state)
        memory = self._memory.last(crash.pid)
        facts = {"pid": crash.pid, "exit_code": crash.exit_code, "ending": ending(crash.exit_code)}
        if memory is not None:
            facts |= {"last_memory_mib": round(memory.last, 1), "peak_memory_mib": round(memory.peak, 1)}
        lane = step_context.step.get_mapping_key()
        who = lane.replace("_", " ") if lane else f"the process of step {step_context.step.key}"
        told = UserFailureData(KILLED, killed_sentence(who, crash.exit_code, memory), facts)
        return DagsterEvent.step_failure_event(step_context, StepFailureData(err_info, told))


@dg.executor(
    name="multiprocess",
    config_schema={
        "max_concurrent": dg.Field(
            int,
            default_value=usable_cores(),
            description="Worker processes of the run; must be at least the recipe's worker_count.",
        )
    },
    requirements=multiple_process_executor_requirements(),
)
def lanes_executor(context: dg.InitExecutorContext) -> LanesExecutor:
    """Multiprocess executor whose width follows the recipe's worker_count."""
    config: Any = context.executor_config
    ((method, options),) = start_method().items()
    return LanesExecutor(
        retries=RetryMode.ENABLED,
        max_concurrent=config["max_concurrent"],
        start_method=method,
        explicit_forkserver_preload=options.get("preload_modules"),
    )


def executor_config(worker_count: int) -> dict:
    """Run config that makes room for `worker_count` lanes."""
    return {"execution": {"config": {"max_concurrent": max(1, worker_count)}}}
