"""Models that answer, as the service keeps them: from what is stored to worker processes."""
