"""The composition holds together."""

from __future__ import annotations

from pathlib import Path

from prometheus_client import generate_latest

from services.route.app import build
from services.route.settings import Settings
from shared.catalog import load
from tests.support.clock import ManualClock

EXAMPLE = Path(__file__).parents[3] / "deploy" / "catalog"


def test_it_builds_from_the_example_catalog_and_shows_its_channels_before_the_first_alert(
    clock: ManualClock,
) -> None:
    channels = [channel for team in load(EXAMPLE).teams for channel in team.channels]
    settings = Settings.load(
        {
            "TOUCHBACK_KAFKA_BOOTSTRAP_SERVERS": "localhost:9092",
            "TOUCHBACK_POSTGRES_DSN": "postgresql://localhost/touchback",
            "TOUCHBACK_CATALOG": str(EXAMPLE),
            "TOUCHBACK_SMTP_URL": "smtp://localhost:25",
            "TOUCHBACK_MAIL_FROM": "tb@mail.test",
            "TOUCHBACK_CHANNEL_SECRETS": str(
                {channel.secret: "whsec_x" for channel in channels if channel.secret}
            ).replace("'", '"'),
            "TOUCHBACK_OUTBOUND_ALLOW": "127.0.0.0/8, 10.0.0.0/8",
        }
    )

    runtime = build(settings, clock)

    paths = {getattr(route, "path", "") for route in runtime.application().routes}
    assert {"/v1/alerts", "/metrics", "/health/ready"} <= paths
    shown = generate_latest(runtime.registry).decode()
    assert 'touchback_alert_attempt_seconds_count{channel="webhook"}' in shown
