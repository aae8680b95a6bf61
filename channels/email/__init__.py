"""Providers of the email channel."""
