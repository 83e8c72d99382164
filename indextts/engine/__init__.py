"""Requests through all stages in batches, and what that took."""
