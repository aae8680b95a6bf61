"""The HTTP edge: health, metrics and the webhooks of providers."""
