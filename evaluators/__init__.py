"""Evaluators: a batch of designs on a workload -> latency, energy, area, traffic, utilization."""
