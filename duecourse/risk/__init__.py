"""How risky a due date is, from what the book knows. Pure."""
