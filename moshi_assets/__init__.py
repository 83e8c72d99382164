"""Moshi Assets: written dialogues in, a two-channel speech dataset for moshi-finetune out."""

__version__ = "0.1.0"
