"""What cells do before anything is learned, run in NumPy."""
