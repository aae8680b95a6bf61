"""May this contact leave now? Facts in, verdict out. Pure, total, fail-closed."""
