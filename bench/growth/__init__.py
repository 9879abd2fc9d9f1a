"""Does anything grow? What a tick and a run cost with much stored, and two simulated years of the nightly deletion."""
