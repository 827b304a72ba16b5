"""Dead letters as operators see them."""

from __future__ import annotations

from aiokafka import ConsumerRecord

from services.listen.letters import letter


def test_a_letter_says_where_the_original_stood_and_why_it_was_refused() -> None:
    headers = [
        ("x-topic", b"orders"),
        ("x-error-topic", b"ordering.events"),
        ("x-error-partition", b"2"),
        ("x-error-offset", b"17"),
        ("x-error-message", "source shop: né".encode()),
        ("x-error-class", None),
    ]
    record = ConsumerRecord(
        topic="touchback.dead-letters",
        partition=1,
        offset=4,
        timestamp=0,
        timestamp_type=0,
        key=None,
        value=b"\xff",
        checksum=None,
        serialized_key_size=0,
        serialized_value_size=1,
        headers=headers,
    )
    found = letter(record)
    assert (found.id, found.position) == ("1/4", "ordering.events/2/17")
    assert found.about["message"] == "source shop: né"
    assert found.about["class"] == ""
