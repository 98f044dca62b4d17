"""Drives a headless Chromium by WebDriver, the W3C's protocol of HTTP and JSON."""

import base64
import json
import shutil
import subprocess
import time
from contextlib import suppress
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")

#: Why a test that needs a browser cannot run here; None where it can.
MISSING = (
    None
    if CHROMIUM and DRIVER
    else "Chromium is not installed (Debian: apt-get install chromium chromium-driver)"
)

FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--hide-scrollbars", "--force-color-profile=srgb"),
)

ARROWS = {"ArrowRight": "\ue014", "ArrowLeft": "\ue012", "ArrowUp": "\ue013", "ArrowDown": "\ue015"}


class ScriptFailed(Exception):
    """What the browser was asked for, it could not do."""


class Browser:
    """One window of Chromium; a context manager."""

    def __init__(self, profile: Path) -> None:
        """Start it with an empty profile in the folder `profile`."""
        self._driver = subprocess.Popen(
            [str(DRIVER), "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        assert self._driver.stdout
        said = next(line for line in self._driver.stdout if "successfully on port" in line)
        port = int(said.split()[-1].rstrip("."))
        self._connection = HTTPConnection("127.0.0.1", port, timeout=120)
        self._path = "/session"
        options = {"binary": CHROMIUM, "args": [*FLAGS, f"--user-data-dir={profile}"]}
        wanted = {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
        session = self._ask("POST", "", {"capabilities": {"alwaysMatch": wanted}})
        self._path += f"/{session['sessionId']}"

    def __enter__(self) -> "Browser":
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._ask("DELETE", "")
        finally:
            self._connection.close()
            self._driver.terminate()
            self._driver.communicate()

    def open(self, path: Path, width: int = 1400, height: int = 900, dark: bool = False) -> None:
        """Open a file in a window of this size, on a system that is light or dark; returns once its
        scripts have run.
        """
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.command("Emulation.setDeviceMetricsOverride", **size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.command("Emulation.setEmulatedMedia", features=[scheme])
        url = path.resolve().as_uri()
        self._ask("POST", "/url", {"url": url})
        # On a busy machine the driver may answer while the page before it still stands there.
        is_open = "return location.href === arguments[0] && document.readyState === 'complete'"
        self.wait(is_open, url)

    def run(self, script: str, *arguments: Any) -> Any:
        """Run the body of a JavaScript function, with these arguments; returns its value."""
        return self._ask("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def wait(self, script: str, *arguments: Any, seconds: float = 60) -> Any:
        """Run a script again and again until its value is true; returns it.

        Meanwhile the page may be read again, which ends a script without a value.
        """
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            with suppress(ScriptFailed):
                if value := self.run(script, *arguments):
                    return value
            time.sleep(0.05)
        raise AssertionError(f"never true: {script}")

    def point(self, x: float, y: float) -> None:
        """Move the mouse to a point of the window."""
        move = {"type": "pointerMove", "x": round(x), "y": round(y), "duration": 0}
        self._act({"type": "pointer", "id": "mouse", "actions": [move]})

    def press(self, key: str) -> None:
        """Press a key of ARROWS."""
        keys = [{"type": kind, "value": ARROWS[key]} for kind in ("keyDown", "keyUp")]
        self._act({"type": "key", "id": "keys", "actions": keys})

    def console(self) -> list[str]:
        """Return what the console has said since it was last asked."""
        return [entry["message"] for entry in self._ask("POST", "/se/log", {"type": "browser"})]

    def picture(self, path: Path) -> Path:
        """Save what the window shows as a PNG file."""
        path.write_bytes(base64.b64decode(self._ask("GET", "/screenshot")))
        return path

    def command(self, name: str, **parameters: Any) -> Any:
        """Give a command of Chrome's DevTools protocol."""
        return self._ask("POST", "/goog/cdp/execute", {"cmd": name, "params": parameters})

    def _act(self, actions: dict[str, Any]) -> None:
        self._ask("POST", "/actions", {"actions": [actions]})

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        data = None if body is None else json.dumps(body)
        self._connection.request(method, self._path + path, data)
        answer = self._connection.getresponse()
        content = json.load(answer)["value"]
        if answer.status != 200:
            raise ScriptFailed(content)
        return content
