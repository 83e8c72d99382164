"""Dialogues become synthesis tasks, of a voice and a seed each; the asset `synthesis_tasks`."""
