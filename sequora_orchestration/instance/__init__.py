"""The parts that make a Dagster instance fast: its configuration, its pooled storage, its warm workers."""
