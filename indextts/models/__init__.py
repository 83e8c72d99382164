"""The networks: GPT, flow, vocoder, codec and what they are made of. Tensors in, tensors out; no files."""
