"""From what was heard and what people said to what may be done; runs in the resident."""
