"""What everything else speaks of: frozen values, closed vocabularies, errors, the clock. Imports nothing of ours."""
