"""Training jobs: from what a client asked for to a process, its model in the object store and what is told of it."""
