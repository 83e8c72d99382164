"""What of a dataset is left to do: tasks that are missing, shards that are finished."""
