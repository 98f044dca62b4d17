"""Readers: from paths to one `Log` of tidy tables. `logs.read` reads any logs."""
