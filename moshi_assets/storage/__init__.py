"""Where a dataset's files lie: whole or absent, locked, checksummed."""
