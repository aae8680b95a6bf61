"""Providers of the sms channel."""
