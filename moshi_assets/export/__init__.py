"""A finished dataset in the formats that other trainers read: WebDataset shards or Parquet files, with the audio
inside.
"""
