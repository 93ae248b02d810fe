"""What is known, read from the record as data: for commands and the page.

Knows no terminal.
"""
