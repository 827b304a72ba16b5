"""The largest catalog that metrics are made for, and one that is larger still."""

from __future__ import annotations

from pathlib import Path

from shared.labels import MOST
from tests.support.catalogs import catalog_files, write_catalog

SOURCE = """\
- source: shop-{n}
  topic: shop-{n}.events
  format: json
  signals:
    - signal: order.delivered-{n}
      id: 'body.id'
      customer: 'body.customer'
      occurred_at: 'timestamp(body.at)'
"""
TOUCHPOINT = """\
- touchpoint: touchpoint-{n}
  stage: use
  on: {{signal: order.delivered-{of}}}
  survey: delivery
  owner: team-0
"""
TEAM = """\
- team: team-{n}
  name: Team {n}
  channels: [{{channel: mail-{n}, kind: email, address: team-{n}@shop.example}}]
  targets: {{high: {{contact: {hours}h, resolve: 6d}}}}
"""


def largest(folder: Path, more: int = 0) -> Path:
    """Write a catalog with as many of each as metrics name, and so many more of each."""
    sources, touchpoints, teams = (MOST[each] + more for each in ("source", "touchpoint", "team"))
    files = {
        "sources.yaml": "".join(SOURCE.format(n=n) for n in range(sources)),
        "touchpoints.yaml": "".join(
            TOUCHPOINT.format(n=n, of=n % sources) for n in range(touchpoints)
        ),
        # Seven hours of contact, and what comes after it, are as many targets as there may be.
        "teams.yaml": "".join(TEAM.format(n=n, hours=5 + n % 7) for n in range(teams)),
        "routing.yaml": "team: team-0\n",
    }
    return write_catalog(folder, catalog_files(files))
