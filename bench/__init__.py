"""The measurements: `duecourse bench` in a checkout. Not part of an installed package."""
