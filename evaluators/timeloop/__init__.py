"""The evaluator `timeloop`: the counts of the real Timeloop and the tables of the real Accelergy.

An accelerator's description is printed as Timeloop's input, its statistics are read back, and the
accounting is the analytical engine's own.
"""
