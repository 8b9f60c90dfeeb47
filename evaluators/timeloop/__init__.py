"""The evaluator `timeloop`: the counts of the real Timeloop and the tables of the real Accelergy.

The mapping tables of `evaluators.analytical` are printed as Timeloop's input, its statistics are
read back, and the accounting is the analytical engine's own.
"""
