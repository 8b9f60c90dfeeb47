"""Reports as one self-contained HTML file: what they show, as plain values, and the page."""
