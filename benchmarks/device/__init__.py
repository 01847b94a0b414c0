"""Parts of `bench_device`, one file each, and the processes that carry them out."""
