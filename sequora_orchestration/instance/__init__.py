"""What a Dagster instance needs to be fast: its configuration, its pooled storage, its warm workers."""
