"""The decoding loop: continuous batching, beams, sampling, and how many rows fit."""
