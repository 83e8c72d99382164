"""Imported by the fork server alone: hibari-tts and its dictionaries, loaded once for all lanes."""

from ..processes.imports import imported_quickly

with imported_quickly():
    from .hibari_times import pronunciation

    pronunciation()
