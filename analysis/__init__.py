"""Analysis: from results to verification, fronts, figures and reports."""
