"""The built site in a real browser: what goes wrong on each page, at several widths, in light and in the dark."""

import re
import shutil
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlparse

HTML = Path(__file__).resolve().parent.parent.parent / "_build" / "html"
HEIGHTS = {390: 844, 768: 1024, 1280: 900}
DARK = ("index", "05_1_cifar10", "06_3_2_arithmetic", "scoreboard")  # the pages that are looked at in the dark, too
WIDER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
AXE = """axe.run(document, {resultTypes: ['violations'], preload: false}).then(
    found => found.violations.map(v => [v.impact, v.id, v.nodes.map(n => n.html)]))"""


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def served(folder: Path = HTML) -> Iterator[str]:
    """The address of a server for the folder."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@contextmanager
def launched() -> Iterator:
    """A browser, where `missing()` names nothing."""
    from playwright import sync_api

    with sync_api.sync_playwright() as running:
        yield running.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])  # root has no sandbox


def chromium() -> str | None:
    """The system's own browser: Playwright brings none here."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def missing() -> str | None:
    """What to type where the site cannot be opened, else None."""
    if not (HTML / "index.html").exists():
        return "There is no site under _build/html yet. Type: make book"
    for module in ("playwright", "axe_playwright_python"):
        if not find_spec(module):
            return f"{module} is not installed. Type: pip install --editable '.[test]'"
    return None if chromium() else "There is no Chromium. Type: sudo apt-get install chromium"


@dataclass
class Visit:
    """One page, seen once. Each list names what should not be."""

    name: str
    width: int
    scheme: str
    console: list[str] = field(default_factory=list)  # errors and warnings of scripts
    requests: list[str] = field(default_factory=list)  # failed, or to another server
    wider: list[str] = field(default_factory=list)  # the body is wider than the window
    axe: list[str] = field(default_factory=list)  # serious or critical

    @property
    def findings(self) -> list[str]:
        return [*self.console, *self.requests, *self.wider, *self.axe]


def visit(browser, address: str, name: str, width: int, scheme: str = "light") -> Visit:
    from axe_playwright_python.base import AXE_SCRIPT

    seen = Visit(name, width, scheme)
    with browser.new_context(viewport={"width": width, "height": HEIGHTS[width]}, color_scheme=scheme) as context:
        page = context.new_page()
        page.on("console", lambda m: seen.console.append(m.text) if m.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: seen.console.append(str(error)))
        page.on("requestfailed", lambda r: seen.requests.append(f"failed: {r.url[:120]}"))
        page.on("response", lambda r: seen.requests.append(f"{r.status}: {r.url[:120]}") if r.status >= 400 else None)
        page.on("request", lambda r: _foreign(r.url, address, seen.requests))
        page.goto(f"{address}/{name}.html")
        page.wait_for_load_state("networkidle")
        if (by := page.evaluate(WIDER)) > 0:
            seen.wider.append(f"{by} px too wide")
        page.evaluate(AXE_SCRIPT)
        for impact, rule, nodes in page.evaluate(AXE):
            if impact in ("serious", "critical"):
                seen.axe.append(f"{rule} x {len(nodes)}: {nodes[0][:160]}")
    return seen


def _foreign(url: str, address: str, found: list[str]) -> None:
    parts = urlparse(url)
    if parts.scheme in ("http", "https", "ws", "wss") and not url.startswith(address):
        found.append(f"foreign: {url[:120]}")


def matrix(names: Iterable[str], full: bool) -> list[tuple[str, int, str]]:
    """All pages at 390 and 1280 px in light, some in the dark; `full`: also at 768 px, and all of that in the dark."""
    widths = (390, 768, 1280) if full else (390, 1280)
    light = [(name, width, "light") for name in names for width in widths]
    dark = [(name, width, "dark") for name in names for width in widths if full or name in DARK]
    return light + dark


def table(visits: list[Visit]) -> str:
    """How many findings of each kind, a line a page."""
    kinds = ("console", "requests", "wider", "axe")
    lines = [f"{'page':24}{'seen':>6}" + "".join(f"{kind:>10}" for kind in kinds)]
    for name in dict.fromkeys(v.name for v in visits):
        mine = [v for v in visits if v.name == name]
        lines.append(f"{name:24}{len(mine):6}" + "".join(f"{sum(len(getattr(v, k)) for v in mine):10}" for k in kinds))
    totals = "".join(f"{sum(len(getattr(v, k)) for v in visits):10}" for k in kinds)
    return "\n".join([*lines, f"{'all':24}{len(visits):6}{totals}"])


def weight(name: str, folder: Path = HTML) -> int:
    """Bytes of a page without its data URIs, with the style sheets, scripts and fonts that it loads, uncompressed."""
    text = (folder / f"{name}.html").read_text()
    files = {url.split("?")[0] for url in re.findall(r"""(?:src|href)="([^":#]+\.(?:css|js)(?:\?[^"]*)?)\"""", text)}
    sheets = [folder / f for f in files]
    fonts = {
        (sheet.parent / url.split("?")[0].split("#")[0]).resolve()
        for sheet in sheets
        if sheet.suffix == ".css"
        for url in re.findall(r"url\(['\"]?([^'\")]+\.woff2[^'\")]*)", sheet.read_text())
    }
    page = len(re.sub(r"data:image/[^\"')]+", "", text).encode())
    return page + sum(f.stat().st_size for f in [*sheets, *fonts])


if __name__ == "__main__":  # before the tests: they skip what they cannot open
    sys.exit(missing())
