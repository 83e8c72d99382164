"""The command `moshi-assets`, a file for each of its commands."""
