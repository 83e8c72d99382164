"""Every figure that the README and docs/figures.md quote: `python -m benchmarks [NAME ...]` measures and writes
docs/benchmarks/.
"""
