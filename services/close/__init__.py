"""An alert is not a resolution: keeps every case until a person has put it right.

Reads touchback.cases (opened and attached, of route) and touchback.alerts; takes actions over HTTP.
Writes touchback.cases (every later state). Owns the schema `close`.
"""
