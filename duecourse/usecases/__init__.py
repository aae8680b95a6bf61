"""One verb per file. They receive ports and import no adapter."""
