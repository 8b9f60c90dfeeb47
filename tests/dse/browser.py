"""A real browser without a window, through Chromium's debugging pipe."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any, Self

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")

_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
)


class Browser:
    """One page.

    Args:
        profile: an empty folder of the browser's own.
        width, height: of the page, in pixels.

    Attributes:
        problems: exceptions, errors and what is logged of the pages so far, requests among them.

    """

    def __init__(self, profile: Path, width: int, height: int = 900) -> None:
        assert CHROMIUM is not None
        told, self._commands = os.pipe()
        self._answers, written = os.pipe()
        line = [CHROMIUM, *_FLAGS, f"--user-data-dir={profile}", "about:blank"]
        self._process = subprocess.Popen(
            ["bash", "-c", f'exec "$@" 3<&{told} 4>&{written}', "bash", *line],
            pass_fds=(told, written),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(told)
        os.close(written)
        self._unread = b""
        self._number = 0
        self._session: str | None = None
        self.problems: list[str] = []
        self._loaded = False
        (page,) = (
            each for each in self._ask("Target.getTargets")["targetInfos"] if each["type"] == "page"
        )
        attached = self._ask("Target.attachToTarget", targetId=page["targetId"], flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self._ask(f"{domain}.enable")
        self.resize(width, height)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait()
        os.close(self._commands)
        os.close(self._answers)

    def open(self, file: Path) -> None:
        """Open a page and wait for it."""
        self._loaded = False
        self._ask("Page.navigate", url=file.as_uri())
        while not self._loaded:
            self._hear()

    def resize(self, width: int, height: int) -> None:
        """Let the page be so large."""
        self._ask(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )

    def run(self, script: str) -> Any:
        """Return what an expression of the page comes to."""
        answer = self._ask(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def point(self, x: float, y: float) -> None:
        """Move the mouse to a place of what is shown."""
        self._ask("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)

    def click(self, x: float, y: float, *, count: int = 1) -> None:
        """Click there; with `count` 2 it is the second click of a double one."""
        self.point(x, y)
        for kind in ("mousePressed", "mouseReleased"):
            self._mouse(kind, x, y, clickCount=count)

    def drag(self, x: float, y: float, to_x: float, to_y: float) -> None:
        """Press at one place, release at another."""
        self.point(x, y)
        self._mouse("mousePressed", x, y, clickCount=1)
        self._mouse("mouseMoved", (x + to_x) / 2, (y + to_y) / 2, buttons=1)
        self._mouse("mouseMoved", to_x, to_y, buttons=1)
        self._mouse("mouseReleased", to_x, to_y, clickCount=1)

    def _mouse(self, kind: str, x: float, y: float, **more: int) -> None:
        self._ask("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", **more)

    def picture(self, file: Path, *, whole: bool = False) -> None:
        """Save what is shown, or the whole page, as PNG."""
        answer = self._ask("Page.captureScreenshot", captureBeyondViewport=whole)
        file.write_bytes(base64.b64decode(answer["data"]))

    def _ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._number += 1
        number = self._number
        message: dict[str, Any] = {"id": number, "method": method, "params": parameters}
        if self._session is not None:
            message["sessionId"] = self._session
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._hear()
            if answer.get("id") == number:
                assert "error" not in answer, answer
                result: dict[str, Any] = answer["result"]
                return result

    def _hear(self) -> dict[str, Any]:
        """Return the next message, and note what it tells."""
        while b"\0" not in self._unread:
            read = os.read(self._answers, 1 << 20)
            assert read, "the browser ended"
            self._unread += read
        line, self._unread = self._unread.split(b"\0", 1)
        message: dict[str, Any] = json.loads(line)
        told = message.get("params", {})
        match message.get("method"):
            case "Page.loadEventFired":
                self._loaded = True
            case "Runtime.exceptionThrown":
                self.problems.append(json.dumps(told["exceptionDetails"]))
            case "Runtime.consoleAPICalled":
                self.problems.append(json.dumps(told["args"]))
            case "Log.entryAdded" if told["entry"]["level"] == "error":
                self.problems.append(told["entry"]["text"])
            case "Network.requestWillBeSent":
                url = told["request"]["url"]
                if not url.startswith(("file:", "data:", "blob:", "about:")):
                    self.problems.append(f"asked for {url}")
        return message
