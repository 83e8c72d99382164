"""Quality of utterances: measures, the gates that they must pass, and models that listen."""
