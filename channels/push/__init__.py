"""Providers of the push channel."""
