"""Kafka: the broker connection, its security, and topics."""

from __future__ import annotations

import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code
from faststream.kafka import KafkaBroker
from faststream.security import BaseSecurity, SASLPlaintext, SASLScram256, SASLScram512

from shared.errors import InvalidSettings, Unavailable
from shared.settings import Settings
from shared.topics import ALL, LARGEST_LETTER, Topic

_LOOPBACK = ("localhost", "127.", "[::1]")
_SASL: dict[str, type[SASLPlaintext | SASLScram256 | SASLScram512]] = {
    "PLAIN": SASLPlaintext,
    "SCRAM-SHA-256": SASLScram256,
    "SCRAM-SHA-512": SASLScram512,
}


def _context(settings: Settings) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=settings.kafka_ssl_cafile)
        if settings.kafka_ssl_certfile:
            context.load_cert_chain(settings.kafka_ssl_certfile, settings.kafka_ssl_keyfile)
    except OSError as error:
        raise InvalidSettings(f"TOUCHBACK_KAFKA_SSL_…FILE: cannot use it: {error}") from error
    return context


def _refuse_cleartext_passwords(settings: Settings) -> None:
    remote = [s for s in settings.kafka_bootstrap_servers if not s.startswith(_LOOPBACK)]
    if remote and settings.kafka_security_protocol == "SASL_PLAINTEXT":
        raise InvalidSettings(
            f"TOUCHBACK_KAFKA_SECURITY_PROTOCOL: SASL_PLAINTEXT sends the password in clear to"
            f" {remote[0]}; should be SASL_SSL"
        )


def security(settings: Settings) -> BaseSecurity | None:
    """Translate the security settings; raises InvalidSettings on what would not be safe."""
    _refuse_cleartext_passwords(settings)
    protocol = settings.kafka_security_protocol
    if protocol == "PLAINTEXT":
        return None
    context = _context(settings) if protocol.endswith("SSL") else None
    if protocol == "SSL":
        return BaseSecurity(ssl_context=context)
    if not (settings.kafka_sasl_username and settings.kafka_sasl_password):
        raise InvalidSettings(
            f"TOUCHBACK_KAFKA_SASL_USERNAME and …_PASSWORD: both are needed for {protocol}"
        )
    return _SASL[settings.kafka_sasl_mechanism](
        username=settings.kafka_sasl_username,
        password=settings.kafka_sasl_password,
        use_ssl=context is not None,
        ssl_context=context,
    )


def client_options(settings: Settings) -> dict[str, Any]:
    """Return what every aiokafka client of ours is opened with."""
    options: dict[str, Any] = {
        "bootstrap_servers": list(settings.kafka_bootstrap_servers),
        "security_protocol": settings.kafka_security_protocol,
    }
    if settings.kafka_security_protocol.endswith("SSL"):
        options["ssl_context"] = _context(settings)
    if settings.kafka_security_protocol.startswith("SASL"):
        options |= {
            "sasl_mechanism": settings.kafka_sasl_mechanism,
            "sasl_plain_username": settings.kafka_sasl_username,
            "sasl_plain_password": settings.kafka_sasl_password,
        }
    return options


def broker(settings: Settings, service: str, **options: Any) -> KafkaBroker:
    """Return a broker that only consumes: everything is published from the outbox."""
    return KafkaBroker(
        list(settings.kafka_bootstrap_servers),
        security=security(settings),
        client_id=f"touchback-{service}",
        consumer_only=True,
        allow_auto_create_topics=False,
        # How soon a topic or partition that appears later is noticed.
        metadata_max_age_ms=10_000,
        graceful_timeout=3.0,
        apply_types=False,
        logger=None,
        **options,
    )


async def producer(settings: Settings) -> AIOKafkaProducer:
    """Return a started producer: acks=all, in order, no duplicates from its own retries."""
    made = AIOKafkaProducer(
        **client_options(settings),
        acks="all",
        enable_idempotence=settings.kafka_idempotence,
        linger_ms=2,
        max_batch_size=256 * 1024,
        max_request_size=LARGEST_LETTER,
        request_timeout_ms=10_000,
    )
    try:
        await made.start()
    except BaseException:
        await made.stop()
        raise
    return made


@dataclass(frozen=True, slots=True)
class Cluster:
    """How topics are laid out."""

    partitions: int
    replication: int


def _new(topic: Topic, cluster: Cluster) -> NewTopic:
    return NewTopic(
        topic.name, cluster.partitions, cluster.replication, topic_configs=dict(topic.configs)
    )


async def create_topics(settings: Settings, extra: Iterable[str] = ()) -> list[str]:
    """Make our topics, and these ones of others, where absent; returns the names made.

    Raises Unavailable when Kafka is away.
    """
    cluster = Cluster(settings.kafka_partitions, settings.kafka_replication)
    wanted = [*ALL, *(Topic(name) for name in extra)]
    admin = AIOKafkaAdminClient(**client_options(settings))
    try:
        await admin.start()
        known = set(await admin.list_topics())
        missing = [topic for topic in wanted if topic.name not in known]
        if missing:
            _check(await admin.create_topics([_new(topic, cluster) for topic in missing]))
    except KafkaError as error:
        raise Unavailable(f"Kafka is away: {error}") from error
    finally:
        await admin.close()
    return [topic.name for topic in missing]


def _check(response: Any) -> None:
    for name, code, *_ in response.topic_errors:
        error = for_code(code)
        if code and error is not TopicAlreadyExistsError:
            raise Unavailable(f"Kafka does not make topic {name}: {error.__name__}")
