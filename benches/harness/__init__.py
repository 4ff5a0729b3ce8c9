"""The parts of the side-by-side benchmark: standard library only, except for plot.py."""
