"""Which provider a contact leaves through, how well each does, and how much it is given at once: pure decisions."""
