"""The book run forward on a virtual clock, in one process: what a policy would do, before anything leaves."""
