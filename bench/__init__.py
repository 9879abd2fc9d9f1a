"""Benchmarks, run by hand: how soon a nurse is texted when it is calm, and how fast a burst is cleared."""
