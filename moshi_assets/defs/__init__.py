"""The Dagster definitions: assets, checks, partitions, jobs, sensors and schedules, and the execution of runs."""
