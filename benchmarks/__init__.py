"""Every figure that the README quotes: `python -m benchmarks [NAME ...]` measures and writes docs/benchmarks/."""
