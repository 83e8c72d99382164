"""Quality of what was spoken: measures of an utterance, gates that it must pass, and what a shard's utterances are
like.
"""
