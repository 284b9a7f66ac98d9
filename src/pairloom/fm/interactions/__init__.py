"""Machines of other interactions than plain pairs: field-aware, field-weighted, of order 3 and 4."""
