"""Measures the method against others on the same parts: rows of scores, tables, intervals."""
