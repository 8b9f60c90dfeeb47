"""Workloads: transformers, the queries and keys they attend, masks, and where they come from."""
