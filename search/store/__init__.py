"""What is kept of a run: one SQLite file, and who may write it."""
