"""What an accelerator's file says: Einsums, machine, mappings, stages, parameters; its checks."""
