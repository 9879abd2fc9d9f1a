"""The engine: how what a claim has is prepared, sent, settled and followed up. Dagster is not known here."""
