"""Execution: jobs done in this process, in processes of this machine, or on Ray."""
