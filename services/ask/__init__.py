"""Most moments should not be asked about: decides which are, says why at all others, and asks.

Topics in: touchback.signals, touchback.profiles, touchback.responses (answers, and who wants to be
left alone), touchback.cases (who has an open case, what was resolved). Topics out:
touchback.decisions, touchback.invitations. Owns the schema `ask`, the only place where contact
details are kept.
"""
