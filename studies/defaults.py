"""How a design is fitted and charged where nothing is said (docs/how-to/evaluate.md#defaults).

The points of the paper are as the paper has them; anything else is padded, and its accounting is
the corrected one: the slips of the published one have no sensible extension.
"""

from __future__ import annotations

PAPERS = {"accounting": "published", "fit": "strict"}
"""Of the points of figures 6 to 12 (`studies.paper.are_points`) and of the built-in studies."""

OWN = {"accounting": "corrected", "fit": "pad"}
"""Of any other design, and of studies from files."""
