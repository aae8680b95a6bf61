"""Rungs, audiences and due-date arithmetic: which contact belongs to which instant. Pure."""
