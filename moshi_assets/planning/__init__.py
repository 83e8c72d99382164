"""Turns dialogues into synthesis tasks, each with a voice and a seed; the asset `synthesis_tasks`."""
