"""Encryption of personal data at rest: AES-256-GCM, a data key per borrower wrapped by a master key."""
