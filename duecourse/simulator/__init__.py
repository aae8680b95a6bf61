"""The sandbox provider, a virtual clock, and borrowers that behave: what a demo and a test run against."""
