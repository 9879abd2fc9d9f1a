"""Does anything grow? The cost of a tick and a run with much stored, and two simulated years of nightly deletion."""
