"""Source systems speak different dialects: `listen` turns what they publish into signals.

Reads the source topics that the catalog's sources.yaml names. Writes touchback.signals,
touchback.answers, touchback.profiles and touchback.dead-letters. Owns the schema `listen`, which
holds nothing but inbox, outbox and tallies.
"""
