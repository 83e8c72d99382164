"""Recordings get their words with times; the asset `transcripts`."""
