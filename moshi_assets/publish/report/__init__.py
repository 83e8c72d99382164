"""The report on a dataset: one static HTML page with figures, charts and recordings to hear, made from its files."""
