"""Who carries out jobs: this process, or Ray's workers."""
