"""Files and weights: where they lie, download, configuration, keys, and pseudo-random checkpoints for tests."""
