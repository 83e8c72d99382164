"""Worker processes: how they start and end, their signals and their memory."""
