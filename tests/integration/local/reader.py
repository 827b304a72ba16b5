"""A consumer process to be killed: BOOTSTRAP TOPIC GROUP, prints each value after committing it."""

from __future__ import annotations

import asyncio
import sys

from aiokafka import AIOKafkaConsumer


async def read(bootstrap: str, topic: str, group: str) -> None:
    """Never returns by itself."""
    consumer = AIOKafkaConsumer(
        topic,
        bootstrap_servers=[bootstrap],
        group_id=group,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        session_timeout_ms=6_000,
        heartbeat_interval_ms=1_000,
    )
    await consumer.start()
    while True:
        for records in (await consumer.getmany(timeout_ms=500)).values():
            await consumer.commit()
            for record in records:
                print(record.value.decode(), flush=True)


if __name__ == "__main__":
    asyncio.run(read(*sys.argv[1:]))
