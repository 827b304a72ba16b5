"""A low score must reach one owning team at once: finds the owner, opens or joins a case, alerts.

Topics in: touchback.responses, touchback.decisions (`case`, `notify`), touchback.cases (from
`close`). Topics out: touchback.cases (opened, attached), touchback.alerts. Owns the schema `route`.
"""
