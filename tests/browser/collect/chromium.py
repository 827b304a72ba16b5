"""The browser of the machine, driven over its own debugging protocol."""

from __future__ import annotations

import asyncio
import base64
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from tests.support.wait import eventually

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--remote-debugging-port=0",
)
PATIENCE = 30.0


def executable() -> str | None:
    """The browser, if this machine has one."""
    return shutil.which("chromium") or shutil.which("google-chrome")


class Tab:
    """One page of the browser."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._last = 0
        self.complaints: list[str] = []

    async def call(self, method: str, **parameters: Any) -> Any:
        """Ask the browser something; what it logs meanwhile is kept."""
        self._last += 1
        await self._socket.send_json({"id": self._last, "method": method, "params": parameters})
        while True:
            message = await self._next()
            if message.get("id") == self._last:
                assert "error" not in message, message
                return message["result"]

    async def open(self, address: str) -> None:
        """Go there, and wait until the page is whole."""
        await self.call("Page.navigate", url=address)
        await self._loaded()

    async def press(self, key: str) -> None:
        """Press and release a key."""
        codes = {"Tab": 9, "Enter": 13, " ": 32, "ArrowRight": 39}
        event = {"key": key, "windowsVirtualKeyCode": codes[key]}
        text = {"Enter": "\r", " ": " "}.get(key)
        await self.call(
            "Input.dispatchKeyEvent", type="keyDown", **event, **({"text": text} if text else {})
        )
        await self.call("Input.dispatchKeyEvent", type="keyUp", **event)

    async def submit_with(self, key: str) -> None:
        """Press a key that leads to the next page, and wait for that."""
        await self.press(key)
        await self._loaded()

    async def value(self, expression: str) -> Any:
        """Evaluate an expression in the page."""
        result = await self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        return result["result"].get("value")

    async def look(self, *, width: int, dark: bool = False) -> None:
        """Be a screen of this width, light or dark."""
        await self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=800,
            deviceScaleFactor=2,
            mobile=width < 600,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        await self.call("Emulation.setEmulatedMedia", features=[scheme])

    async def picture(self, file: Path) -> None:
        """Keep what the page looks like."""
        shot = await self.call("Page.captureScreenshot", captureBeyondViewport=False)
        await asyncio.to_thread(file.write_bytes, base64.b64decode(shot["data"]))

    async def _next(self) -> dict[str, Any]:
        message: dict[str, Any] = await self._socket.receive_json(timeout=PATIENCE)
        if message.get("method") == "Log.entryAdded":
            self.complaints.append(message["params"]["entry"]["text"])
        return message

    async def _loaded(self) -> None:
        while (await self._next()).get("method") != "Page.loadEventFired":
            pass


async def _port(folder: Path) -> str:
    file = folder / "DevToolsActivePort"

    def written() -> list[str]:
        return file.read_text().split() if file.is_file() else []

    lines: list[str] = await eventually(written, within=PATIENCE)
    return lines[0]


@asynccontextmanager
async def tab(folder: Path) -> AsyncIterator[Tab]:
    """A fresh browser with a profile of its own, ended afterwards."""
    program = executable()
    assert program
    browser = await asyncio.create_subprocess_exec(
        program,
        *FLAGS,
        f"--user-data-dir={folder}",
        "about:blank",
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        port = await _port(folder)
        async with aiohttp.ClientSession() as session:
            async with session.get(f"http://127.0.0.1:{port}/json/list") as listed:
                pages = [each for each in await listed.json() if each["type"] == "page"]
            async with session.ws_connect(pages[0]["webSocketDebuggerUrl"], max_msg_size=0) as ws:
                page = Tab(ws)
                for domain in ("Page", "Runtime", "Log"):
                    await page.call(f"{domain}.enable")
                yield page
    finally:
        browser.terminate()
        await browser.wait()
