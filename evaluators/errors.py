"""Errors that end in one sentence for the user."""


class InputError(ValueError):
    """Bad input: one sentence that says what is wrong, where, and what would be right.

    The command line prints it on standard error and exits with code 2.
    """


class EvaluationError(RuntimeError):
    """An evaluation that failed for no fault of its input, or that no worker could do.

    One sentence: what was evaluated, and what stopped it. The command line exits with code 1.
    """
