"""A generated day of customer life at Northwind Power: what its systems would publish, in order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any

DAY = timedelta(hours=24)
DOMAIN = "customers.example"
FIRST_NAMES = ("Ada", "Liam", "王芳", "Zoë", "Jonas", "李雷", "Priya", "Amira", "Chen", "Noor")
REGIONS = ("north", "south", "west")
PRODUCTS = ("heat pump", "wallbox", "solar roof", "meter")


@dataclass(frozen=True, slots=True)
class Happening:
    """One message on one source topic. `after` is the time of day since the day began."""

    after: timedelta
    topic: str
    customer: str
    body: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Customer:
    """Somebody with an address; the language decides in which one they are asked."""

    id: str
    name: str
    language: str

    @property
    def email(self) -> str:
        """Where the invitation goes: the address names the customer, so that the day can answer."""
        return f"{self.id}@{DOMAIN}"


def customers(run: str, count: int, random: Random) -> list[Customer]:
    """Return so many customers; `run` keeps those of different days apart."""
    names = [random.choice(FIRST_NAMES) for _ in range(count)]
    return [
        Customer(f"{run}-{n}", name, "zh" if not name.isascii() and name != "Zoë" else "en")
        for n, name in enumerate(names)
    ]


def card(customer: Customer, at: datetime) -> Happening:
    """Return the customer's contact card, as the address book publishes it."""
    return Happening(
        timedelta(0),
        "crm.customers",
        customer.id,
        {
            "id": f"{customer.id}-card",
            "customer": customer.id,
            "at": at.isoformat(),
            "email": customer.email,
            "name": customer.name,
            "locale": customer.language,
            "time_zone": "Europe/Berlin",
            "segment": "home",
        },
    )


def day(people: list[Customer], count: int, random: Random) -> Iterator[Happening]:
    """Yield what happens, in order, spread over the day; bodies get their times when played."""
    moments = sorted(random.uniform(0, DAY.total_seconds()) for _ in range(count))
    for number, seconds in enumerate(moments):
        customer = random.choice(people)
        make = random.choices((_bill, _delivery, _ticket, _elsewhere), (3, 4, 3, 1))[0]
        topic, body = make(customer, number, random)
        yield Happening(timedelta(seconds=seconds), topic, customer.id, body)


def _bill(customer: Customer, number: int, random: Random) -> tuple[str, dict[str, Any]]:
    return "billing.events", {
        "id": f"{customer.id}-{number}",
        "type": "invoice.issued",
        "customer": customer.id,
        "invoice": f"inv-{number}",
        "sequence": random.choice((1, 1, 2, 7)),
        "amount": round(random.uniform(20, 400), 2),
        "product": random.choice(PRODUCTS),
        "region": random.choice(REGIONS),
    }


def _delivery(customer: Customer, number: int, random: Random) -> tuple[str, dict[str, Any]]:
    return "ordering.events", {
        "id": f"{customer.id}-{number}",
        "type": "order.delivered",
        "customer": customer.id,
        "order": f"ord-{number}",
        "late": random.random() < 0.3,
        "product": random.choice(PRODUCTS),
        "region": random.choice(REGIONS),
    }


def _ticket(customer: Customer, number: int, random: Random) -> tuple[str, dict[str, Any]]:
    return "support.events", {
        "id": f"{customer.id}-{number}",
        "type": "ticket.closed",
        "customer": customer.id,
        "ticket": f"tic-{number}",
        "agent": random.choice(("noor", "wei", "sam")),
        "topic": random.choice(("moving house", "meter reading", "payment")),
        "region": random.choice(REGIONS),
    }


def _elsewhere(customer: Customer, number: int, random: Random) -> tuple[str, dict[str, Any]]:
    score = random.choices((1, 2, 3, 4, 5), (2, 2, 2, 4, 5))[0]
    return "surveys.answers", {
        "id": f"{customer.id}-{number}",
        "type": "survey.answered",
        "touchpoint": "delivered",
        "customer": customer.id,
        "score": score,
        "comment": comment(score <= 2, customer.language, random),
        "language": customer.language,
        "region": random.choice(REGIONS),
    }


GRIPES = {
    "en": (
        "Third time I explain the same thing.",
        "The installer came a day late and nobody told me.",
        "I cannot tell what I am paying for.",
        "Charged twice, and the chat kept transferring me.",
    ),
    "zh": ("账单看不懂,打了三次电话都没有解决。", "网上办理之后没有任何通知。"),
}
PRAISE = {"en": ("Quick and friendly.", "All fine."), "zh": ("很方便。", "服务很好。")}


def comment(unhappy: bool, language: str, random: Random) -> str:
    """Return something a customer might write."""
    return random.choice((GRIPES if unhappy else PRAISE)[language])
