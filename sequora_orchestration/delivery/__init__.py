"""The engine: how a claim's messages are prepared, sent, settled and followed up. Dagster is not known here."""
