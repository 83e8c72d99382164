"""The files of a dataset: whole or absent, locked, checksummed."""
