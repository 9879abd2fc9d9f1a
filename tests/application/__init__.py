"""The seam to the application's tables, tried on tables and maps of many kinds."""
