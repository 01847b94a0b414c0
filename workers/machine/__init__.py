"""What a process runs on: threads, cores, numerics class, versions."""
