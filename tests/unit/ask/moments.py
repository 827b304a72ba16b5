"""A catalog, signals and facts for the tests of asking."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from services.ask.decide.triggers import candidate
from services.ask.model import Contact, Facts, History, OptOuts
from services.ask.policy import Plan, book
from shared.catalog.catalog import Catalog
from shared.catalog.loader import load_files
from shared.contracts.envelope import Event
from shared.contracts.responses import OptOut, Response
from shared.contracts.signals import Profile, Signal
from tests.support.catalogs import catalog_files
from tests.support.clock import START

_SIGNAL = """\
    - signal: {name}
      when: 'body.kind == "{name}"'
      id: 'body.id'
      customer: 'body.customer'
      occurred_at: 'timestamp(body.at)'
"""
NAMES = ("order.delivered", "order.returned", "order.late", "order.lost")
SOURCES = "- source: shop\n  topic: shop.events\n  format: json\n  signals:\n" + "".join(
    _SIGNAL.format(name=name) for name in NAMES
)
TOUCHPOINTS = """\
- touchpoint: delivered
  stage: use
  on: {signal: order.delivered}
  survey: delivery
  owner: parcels
- touchpoint: returned
  on: {signal: order.returned}
  delay: 1h
  survey: delivery
- touchpoint: late
  on: {signal: order.late, when: 'signal.attributes.days > 2'}
  survey: delivery
- touchpoint: lost
  on: {signal: order.lost}
  act: case
- touchpoint: often-lost
  on: {count: order.lost, at_least: 2, within: 7d}
  survey: delivery
"""
POLICY = """\
hold_window: 0
send_window: {start: "00:00", end: "24:00"}
"""
"""Nothing waits but for its delay, so that a test need not either."""

FILES: Mapping[str, str] = {
    "sources.yaml": SOURCES,
    "touchpoints.yaml": TOUCHPOINTS,
    "policy.yaml": POLICY,
}


def a_catalog(replaced: Mapping[str, str] | None = None) -> Catalog:
    """The catalog above, with some files replaced."""
    return load_files(catalog_files({**FILES, **(replaced or {})}))


def a_plan(touchpoint: str = "delivered", catalog: Catalog | None = None) -> Plan:
    """One touchpoint of it."""
    return book(catalog or a_catalog()).plans[touchpoint]


def a_signal(
    event: str = "e1",
    *,
    customer: str = "c1",
    name: str = "order.delivered",
    at: datetime = START,
    correlation: str | None = None,
    **attributes: object,
) -> Signal:
    """Something happened to a customer."""
    return Signal.model_validate(
        {
            "signal": name,
            "source": "shop",
            "source_event_id": event,
            "customer_id": customer,
            "occurred_at": at,
            "correlation": correlation,
            "attributes": attributes,
        }
    )


def a_profile(email: str, customer: str = "c1", at: datetime = START, **more: object) -> Profile:
    """A contact card update."""
    fields = {"customer_id": customer, "source": "shop", "updated_at": at, "email": email, **more}
    return Profile.model_validate(fields)


def an_opt_out(customer: str = "c1", touchpoint: str | None = None) -> OptOut:
    """A customer wants to be left alone."""
    return OptOut(customer_id=customer, touchpoint=touchpoint, at=START)


def an_answer(invitation: str | None, score: int | None = 5, at: datetime = START) -> Response:
    """A customer answers an ask."""
    return Response(
        response_id=f"answer to {invitation}",
        touchpoint="delivered",
        survey="delivery",
        metric="csat",
        customer_id="kim",
        score=score,
        channel="email",
        received_at=at,
        at=at,
        invitation_id=invitation,
    )


def an_event(body: Signal | Profile | OptOut | Response) -> Event:
    """The message that carries it."""
    if isinstance(body, Response):
        kind = "touchback.response.received.v1"
        return Event(body.response_id, "touchback/collect", kind, body.customer_id, START, body)
    if isinstance(body, OptOut):
        id = f"{body.customer_id}/{body.touchpoint}"
        kind = "touchback.opt-out.recorded.v1"
        return Event(id, "touchback/collect", kind, body.customer_id, START, body)
    if isinstance(body, Signal):
        id, kind = f"{body.signal}/{body.source_event_id}", "touchback.signal.v1"
    else:
        id, kind = f"{body.customer_id}/{body.updated_at.isoformat()}", "touchback.profile.v1"
    return Event(id, "touchback/listen", kind, body.customer_id, START, body)


def facts(
    signal: Signal | None = None,
    *,
    plan: Plan | None = None,
    contact: Contact | None = None,
    history: History | None = None,
    opt_outs: OptOuts = frozenset(),
    **more: object,
) -> Facts:
    """A moment of a customer who can be asked, unless told otherwise."""
    plan = plan or a_plan()
    moment = candidate(plan, signal or a_signal())
    card, past = contact or Contact(email="token"), history or History()
    return Facts(moment, card, past, opt_outs, **more)  # type: ignore[arg-type]  # tests pass facts by name


def hours(count: float) -> timedelta:
    """So many hours."""
    return timedelta(hours=count)
