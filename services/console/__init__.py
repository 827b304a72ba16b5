"""People need to see it and act: the inbox of low scores, one case, one customer.

Reads touchback.cases, touchback.alerts, touchback.decisions, touchback.invitations and
touchback.responses. Writes no topic: it acts through the HTTP interface of `close`. Owns the schema
`console`.
"""
