"""Native parsers of pairloom.formats."""
