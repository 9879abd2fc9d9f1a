"""The application, as far as it is read: its tables through the views of the map in force, and its links."""
