"""One pass over shards: spoken, assembled and transcribed while the next one is spoken; three assets by shard."""
