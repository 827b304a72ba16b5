"""Most moments should not be asked about: decides which are, says why at all others, and asks.

Topics in: touchback.signals, touchback.profiles, touchback.responses (only who wants to be left
alone). Topics out: touchback.decisions, touchback.invitations. Owns the schema `ask`, the only
place where contact details are kept.
"""
