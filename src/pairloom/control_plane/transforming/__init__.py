"""Batch transform jobs: from what a client asked for to a process, and its answers in the object store."""
