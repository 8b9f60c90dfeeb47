"""The engine: columns of designs in, columns of counts, times, energies and areas out."""
