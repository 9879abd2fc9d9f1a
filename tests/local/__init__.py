"""What stands in for the world on one machine: the phone company, the application, the demo."""
