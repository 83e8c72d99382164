"""IndexTTS2 inference in PyTorch."""
