"""Provider adapters: one folder per channel, one file per provider."""
