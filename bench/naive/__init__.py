"""The system that `--against-naive` compares with: the same job as one would first build it in Dagster."""
