"""What the bars of figures 6a to 11 are called, and their colours, which reports share."""

INDIGO, BLUE, RED, GREEN, YELLOW = "#2E2246", "#0A5597", "#CF5C3E", "#54B58A", "#F8CC58"
"""Colours of bars from dark to light, 14 and more apart in CIE L*."""

BARS = {
    "unfused": ("Unfused", INDIGO),
    "flat": ("FLAT", BLUE),
    "cascade": ("+Cascade", RED),
    "architecture": ("+Architecture", GREEN),
    "binding": ("+Binding", YELLOW),
}
"""Label and colour of each configuration, in the order of the bars."""

STACKS = {"flat": "FL", "cascade": "+C", "architecture": "+A", "binding": "+B"}
"""Label of each configuration in figure 7, in the order of the bars."""

SEGMENTS = {
    "active_QK": ("QK", BLUE),
    "active_LM": ("LM", YELLOW),
    "active_SLN": ("SLN", RED),
    "active_SLD": ("SLD", INDIGO),
    "active_SLNV": ("SLNV/AV", GREEN),
    "active_AV": ("SLNV/AV", GREEN),
}
"""Label and colour of each Einsum of figure 7, from the bottom of the stack to its top."""
