"""Where the records of a dataset come from: files of many kinds become records, each the JSON of one dialogue.

    sources      what a user names (files, folders, patterns) -> files, in order
    opening      a file -> its bytes in UTF-8, decompressed
    formats      which kind of file it is
    json_lines   one object a line
    json_values  an array of objects, or objects over several lines
    csv_rows     a table as text
    arrow_rows   a table as Parquet or Arrow
    table        rows of a table -> records
    turn_rows    rows that hold a turn each -> the turns of each dialogue
    records      all files of a dataset -> their records, numbered through

A record is `(number, JSON, fault)`: its number from 1, its bytes, and why they cannot be used (None: they can).
Everything streams: memory is that of one record and of the buffers of one file.
"""
