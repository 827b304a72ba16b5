"""Spans for whoever collects them: without the extra `otel` and an address they cost nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from shared.errors import InvalidSettings

try:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
except ImportError:
    INSTALLED = False
else:
    INSTALLED = True

_W3C = TraceContextTextMapPropagator()


def configure(service: str, endpoint: str) -> None:
    """Send what this process does to a collector, by OTLP over HTTP."""
    if not INSTALLED:
        raise InvalidSettings(
            "TOUCHBACK_OTLP_ENDPOINT: needs the extra otel; install touchback[otel], or unset it"
        )
    provider = TracerProvider(resource=Resource.create({"service.name": f"touchback-{service}"}))
    address = f"{endpoint.rstrip('/')}/v1/traces"
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=address)))
    trace.set_tracer_provider(provider)


def flush() -> None:
    """Send what is left before the process ends."""
    provider = trace.get_tracer_provider()
    if INSTALLED and isinstance(provider, TracerProvider):
        provider.shutdown()


def listening() -> bool:
    """Say whether anybody wants spans."""
    return not isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider)


@contextmanager
def span(name: str, parent: str | None) -> Iterator[str]:
    """Measure what is done inside as a part of this trace; yields the context to hand on."""
    above = _W3C.extract({"traceparent": parent} if parent else {})
    # What was going on before here is no part of it: batches hold events of many traces.
    context = above if parent else trace.set_span_in_context(trace.INVALID_SPAN)
    with trace.get_tracer("touchback").start_as_current_span(name, context=context):
        carrier: dict[str, str] = {}
        _W3C.inject(carrier)
        yield carrier["traceparent"]
