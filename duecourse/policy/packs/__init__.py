"""Rules of law as data: their words, their shape, and how the rules of several jurisdictions become one demand."""
