"""The schedules: each is a line of time and the job that it launches. The jobs' work is in `jobs/`."""
