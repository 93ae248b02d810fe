"""Every figure about predictions, with its interval by artist; as data, JSON and one page.

Sees no model, no track and no record.
"""
