"""What the clock starts: each schedule is a line of time and the job it launches."""
