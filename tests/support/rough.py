"""Receivers that behave badly on the wire: they reset, break off half-way, or drip."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import Literal, Self

from tests.support.processes import LOOPBACK

Manner = Literal["reset", "half", "drip", "slow", "hang", "endless"]
"""`drip` is a body that takes for ever, `slow` an answer of which even the first line does."""

MailManner = Literal["reset", "half", "drip", "hang", "late"]
"""`late` takes the mail and then says nothing: nobody knows whether it will be delivered."""


class _Listening:
    """Counts who comes, on a free port."""

    def __init__(self) -> None:
        self.calls = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, LOOPBACK, 0)
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        raise NotImplementedError


class RoughServer(_Listening):
    """An HTTP server on a free port that never answers as it should."""

    def __init__(self, manner: Manner) -> None:
        super().__init__()
        self._manner = manner

    def url(self, path: str = "/") -> str:
        """Its address."""
        return f"http://{LOOPBACK}:{self.port}{path}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.calls += 1
        try:
            await reader.readuntil(b"\r\n\r\n")
            await getattr(self, f"_{self._manner}")(writer)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _reset(self, writer: asyncio.StreamWriter) -> None:
        _abort(writer)

    async def _half(self, writer: asyncio.StreamWriter) -> None:
        writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"ok": tr')
        await writer.drain()

    async def _drip(self, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        await _dripping(writer, b" " * 1000)

    async def _slow(self, writer: asyncio.StreamWriter) -> None:
        await _dripping(writer, b"HTTP/1.1 200 " + b"O" * 1000)

    async def _hang(self, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(3600)

    async def _endless(self, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        chunk = b"10000\r\n" + b" " * 65536 + b"\r\n"
        while True:
            writer.write(chunk)
            await writer.drain()


class RoughMailServer(_Listening):
    """An SMTP server on a free port that never answers as it should."""

    def __init__(self, manner: MailManner) -> None:
        super().__init__()
        self._manner = manner

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.calls += 1
        try:
            await self._behave(reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _behave(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        match self._manner:
            case "reset":
                _abort(writer)
            case "half":
                writer.write(b"22")
                await writer.drain()
            case "drip":
                await _dripping(writer, b"220-" + b"x" * 1000)
            case "hang":
                await reader.read()
            case "late":
                await _take(reader, writer)


async def _take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Be polite to the end of the mail, and silent then."""
    writer.write(b"220 rough.test\r\n")
    while not (await reader.readuntil(b"\r\n")).upper().startswith(b"DATA"):
        writer.write(b"250 rough.test\r\n")
    writer.write(b"354 go on\r\n")
    await reader.readuntil(b"\r\n.\r\n")
    await reader.read()


async def _dripping(writer: asyncio.StreamWriter, said: bytes) -> None:
    for each in said:
        writer.write(bytes([each]))
        await writer.drain()
        await asyncio.sleep(0.2)


def _abort(writer: asyncio.StreamWriter) -> None:
    # A linger of nothing makes the close a reset.
    raw = writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
