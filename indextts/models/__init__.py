"""The networks: GPT, flow, vocoder, codec and their parts. Tensors in, tensors out; no files."""
