"""Small catalogs for tests: a valid one to start from, with files replaced or edited."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

SOURCES = """\
- source: shop
  topic: shop.events
  format: json
  signals:
    - signal: order.delivered
      when: 'body.kind == "delivered"'
      id: 'body.id'
      customer: 'body.customer'
      occurred_at: 'timestamp(body.at)'
      correlation: 'body.order'
      attributes: {late: 'body.late'}
  profiles:
    - when: 'body.kind == "customer"'
      customer: 'body.customer'
      email: 'body.email'
  responses:
    - when: 'body.kind == "answer"'
      id: 'body.id'
      touchpoint: '"delivered"'
      customer: 'body.customer'
      score: 'int(body.score)'
"""
TOUCHPOINTS = """\
- touchpoint: delivered
  stage: use
  on: {signal: order.delivered, when: 'signal.attributes.late == true'}
  delay: 1h
  survey: delivery
  owner: parcels
"""
TEAMS = """\
- team: care
  name: Customer Care
  channels:
    - {channel: care-mail, kind: email, address: care@shop.example}
- team: parcels
  name: Parcels
  channels:
    - channel: parcels-hook
      kind: webhook
      url: http://127.0.0.1:1/hooks/parcels
      secret: parcels
    - {channel: parcels-mail, kind: email, address: parcels@shop.example}
"""
ROUTING = """\
team: care
routes:
  - when: 'response.touchpoint == "delivered"'
    team: parcels
"""
SURVEY = """\
survey: delivery
metric: csat
question: {en: "How was the delivery?", zh: "配送如何？"}
low_label: {en: Bad, zh: 差}
high_label: {en: Good, zh: 好}
follow_up:
  low: {en: What went wrong, zh: 出了什么问题}
  mid: {en: What could be better, zh: 哪里可以更好}
  high: {en: What did you like, zh: 您喜欢什么}
thanks:
  low: {en: Thank you, zh: 谢谢}
  mid: {en: Thank you, zh: 谢谢}
  high: {en: Thank you, zh: 谢谢}
"""
FILES: Mapping[str, str] = {
    "sources.yaml": SOURCES,
    "touchpoints.yaml": TOUCHPOINTS,
    "teams.yaml": TEAMS,
    "routing.yaml": ROUTING,
    "surveys/delivery.yaml": SURVEY,
}


def catalog_files(replaced: Mapping[str, str] | None = None) -> dict[str, bytes]:
    """Return the files of a valid catalog with some replaced or added."""
    return {name: text.encode() for name, text in {**FILES, **(replaced or {})}.items()}


def edited(file: str, old: str, new: str) -> dict[str, bytes]:
    """Return the valid catalog with one place in one file changed."""
    text = FILES[file]
    if text.count(old) != 1:
        raise AssertionError(f"{old!r} stands {text.count(old)} times in {file}, not once")
    return catalog_files({file: text.replace(old, new)})


def write_catalog(folder: Path, files: Mapping[str, bytes] | None = None) -> Path:
    """Write a catalog into a folder and return the folder."""
    for name, content in (files or catalog_files()).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder
