"""Benchmarks: how fast the engine and the commands are, on the machine at hand."""
