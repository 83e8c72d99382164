"""What Dagster loads: assets, checks, partitions, jobs, sensors and schedules, and how its runs are executed."""
