"""Duecourse: the right due-date reminder, to the right person, once, inside the law, with proof."""

__version__ = "0.1.0"
