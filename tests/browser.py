"""
A real Chromium without a window, spoken to over a pipe in its own protocol (Chrome DevTools Protocol): no driver, no
other package, no port.
"""

import base64
import contextlib
import json
import os
import select
import shutil
import subprocess
import time
from pathlib import Path

CHROMIUM = next((p for name in ("chromium", "chromium-browser", "google-chrome") if (p := shutil.which(name))), None)
MISSING = "there is no Chromium on this machine (Debian: apt-get install chromium)"
FLAGS = (
    "--headless=new --no-sandbox --disable-gpu --no-first-run --disable-background-networking --disable-sync "
    "--disable-component-update --disable-default-apps --disable-extensions --mute-audio --hide-scrollbars "
    "--disable-dev-shm-usage --no-proxy-server --remote-debugging-pipe"
).split()
PATIENCE = 15.0  # seconds for one answer of the browser, or for what a test waits for


class Chromium:
    """One browser. `page()` opens a tab with storage of its own."""

    def __init__(self, home: Path):
        down, self.up = os.pipe()
        self.down, up = os.pipe()
        # the browser reads requests from descriptor 3 and answers on 4; other shells know only one-digit descriptors
        command = f'exec "$0" "$@" 3<&{down} 4>&{up}'
        self.process = subprocess.Popen(
            ["bash", "-c", command, CHROMIUM, *FLAGS, f"--user-data-dir={home}/profile", "about:blank"],
            pass_fds=(down, up),
            env={**os.environ, "HOME": str(home)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(down)
        os.close(up)
        self.last, self.rest, self.pages = 0, b"", {}

    def close(self) -> None:
        with contextlib.suppress(OSError, AssertionError):
            self.call("Browser.close")
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        os.close(self.up)
        os.close(self.down)

    def call(self, method: str, session: str | None = None, **params) -> dict:
        self.last += 1
        asked = self.last
        message = {"id": asked, "method": method, "params": params} | ({"sessionId": session} if session else {})
        os.write(self.up, json.dumps(message).encode() + b"\0")
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            for answer in self.read(end - time.monotonic()):
                if answer.get("id") == asked:
                    assert "error" not in answer, f"{method}: {answer['error']}"
                    return answer["result"]
        raise AssertionError(f"{method}: no answer within {PATIENCE:g} s")

    def read(self, seconds: float) -> list[dict]:
        """What has come, after waiting for something; events go to their page, answers are returned."""
        if not select.select([self.down], [], [], max(0, seconds))[0]:
            return []
        more = os.read(self.down, 1 << 20)
        assert more, "Chromium has ended"
        *whole, self.rest = (self.rest + more).split(b"\0")
        found = [json.loads(message) for message in whole]
        for event in found:
            if "method" in event and event.get("sessionId") in self.pages:
                self.pages[event["sessionId"]].note(event["method"], event["params"])
        return [message for message in found if "id" in message]

    @contextlib.contextmanager
    def page(self, url: str, width: int = 1200, height: int = 800, **more):
        context = self.call("Target.createBrowserContext")["browserContextId"]
        target = self.call("Target.createTarget", url="about:blank", browserContextId=context)["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = self.pages[session] = Page(self, session, context)
        try:
            for domain in ("Page", "Runtime", "Network", "Log"):
                page.call(f"{domain}.enable")
            page.size(width, height, **more)
            page.go(url)
            yield page
        finally:
            del self.pages[session]
            self.call("Target.disposeBrowserContext", browserContextId=context)


class Page:
    """A tab. faults: exceptions and complaints of the console; requests: addresses that it asked for."""

    def __init__(self, browser: Chromium, session: str, context: str):
        self.browser, self.session, self.context = browser, session, context
        self.faults, self.requests, self.dialogs = [], [], []

    def call(self, method: str, **params) -> dict:
        return self.browser.call(method, self.session, **params)

    def note(self, method: str, params: dict) -> None:
        if method == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            self.faults.append(details.get("exception", {}).get("description") or details["text"])
        elif method == "Log.entryAdded" and params["entry"]["level"] == "error":
            if params["entry"]["source"] != "network":  # answers such as 429 are part of what is tested
                self.faults.append(params["entry"]["text"])
        elif method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        elif method == "Page.javascriptDialogOpening":
            self.dialogs.append(params["message"])

    def go(self, url: str) -> None:
        self.call("Page.navigate", url=url)
        self.until("document.readyState === 'complete' && location.href !== 'about:blank'")

    def reload(self) -> None:
        self.run("window.beforeReload = true")
        self.call("Page.reload")
        self.until("!window.beforeReload && document.readyState === 'complete'")

    def size(self, width: int, height: int, mobile: bool = False, scale: float = 1) -> None:
        more = {"width": width, "height": height, "mobile": mobile, "deviceScaleFactor": scale}
        self.call("Emulation.setDeviceMetricsOverride", **more)
        self.call("Emulation.setTouchEmulationEnabled", enabled=mobile)

    def dark(self, on: bool) -> None:
        feature = {"name": "prefers-color-scheme", "value": "dark" if on else "light"}
        self.call("Emulation.setEmulatedMedia", features=[feature])

    def run(self, script: str, click: bool = False):
        """The value of an expression, which may be a promise. click: as if somebody had clicked just now."""
        asked = {"expression": script, "awaitPromise": True, "returnByValue": True, "userGesture": click}
        found = self.call("Runtime.evaluate", **asked)
        assert "exceptionDetails" not in found, f"{script}: {found['exceptionDetails']}"
        return found["result"].get("value")

    def until(self, script: str, seconds: float = PATIENCE):
        """Wait until the expression is something; -> its value, {} for an element."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            with contextlib.suppress(AssertionError):  # between two documents
                value = self.run(script)
                if value or value == {}:
                    return value
            time.sleep(0.03)
        raise AssertionError(f"not within {seconds:g} s: {script}\nfaults: {self.faults}")

    def press(self, key: str, *modifiers: str) -> None:
        bits = sum({"Alt": 1, "Control": 2, "Meta": 4, "Shift": 8}[name] for name in modifiers)
        code = {"Enter": 13, "Escape": 27, "Tab": 9, "ArrowUp": 38, "ArrowDown": 40, " ": 32}.get(key)
        code = code or ord(key.upper())
        text = {"Enter": "\r", " ": " "}.get(key, key if len(key) == 1 and not bits & 7 else "")
        event = {"key": key, "modifiers": bits, "windowsVirtualKeyCode": code}
        self.call("Input.dispatchKeyEvent", type="keyDown", **event, **({"text": text} if text else {}))
        self.call("Input.dispatchKeyEvent", type="keyUp", **event)

    def type(self, text: str) -> None:
        """Into what has the focus."""
        self.call("Input.insertText", text=text)

    def click(self, selector: str) -> None:
        """With the pointer, where the element is."""
        script = f"""(() => {{ const e = document.querySelector({json.dumps(selector)}); e.scrollIntoViewIfNeeded();
            const b = e.getBoundingClientRect(); return [b.x + b.width / 2, b.y + b.height / 2] }})()"""
        x, y = self.run(script)
        for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def picture(self, path: Path) -> None:
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))
