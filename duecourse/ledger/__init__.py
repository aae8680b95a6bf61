"""Postgres, the truth: one module per aggregate, SQL beside its one user or in sql/, migrations, encryption."""
