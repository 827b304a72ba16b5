"""The topic itself as a channel: another system reads touchback.invitations, and sends."""

from __future__ import annotations

from services.ask.letters import Accepted, Letter, Outcome, Prepared


class _Published:
    async def hand_over(self) -> Outcome:
        """Take it as sent: the message goes into the outbox with the outcome, or neither does."""
        return Accepted()


class TopicChannel:
    """Needs no more than the invitation's own message."""

    async def prepare(self, letter: Letter) -> Prepared:
        """Nothing to prepare."""
        return _Published()

    async def close(self) -> None:
        """Nothing to close."""
