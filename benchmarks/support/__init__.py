"""What the benchmarks share: the machine's description, data sets, tables."""
