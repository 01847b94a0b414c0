"""What goes into a worker and what comes out: settings, jobs, evaluations, cost."""
