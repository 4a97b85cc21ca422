"""The built site: its files, and how it behaves in a real browser. `make site-test` runs these."""

import base64
import io
import os
import re
from html.parser import HTMLParser
from urllib.parse import unquote, urlparse

import browsing
import pytest
from browsing import HTML
from chapters import CHAPTERS
from PIL import Image

pytestmark = pytest.mark.site
HEAVIEST = 700_000  # bytes of a page's text, styles, scripts and fonts


class Page(HTMLParser):
    """What a page links to and loads."""

    def __init__(self, path):
        super().__init__()
        self.links, self.loads, self.ids, self.text, self.images = [], [], set(), [], []
        self.feed(path.read_text())

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.ids |= {attributes[k] for k in ("id", "name") if attributes.get(k)}
        if tag == "a" and attributes.get("href"):
            self.links.append(attributes["href"])
        if tag == "img":
            self.images.append(attributes)
        if tag in ("img", "script", "iframe", "video") and attributes.get("src"):
            self.loads.append(attributes["src"])
        if tag == "link" and attributes.get("href", "#") != "#":
            self.loads.append(attributes["href"])

    def handle_data(self, data):
        self.text.append(data)


@pytest.fixture(scope="module")
def pages():
    if not (HTML / "index.html").exists():
        pytest.skip("no site; make book builds it")
    return {path: Page(path) for path in sorted(HTML.glob("*.html"))}


def test_every_chapter_is_a_page(pages):
    names = {path.stem for path in pages}
    assert {p.stem for p in CHAPTERS} | {"index", "references"} <= names


def test_a_page_loads_nothing_from_elsewhere_and_nothing_that_is_missing(pages):
    for path, page in pages.items():
        for url in page.loads:
            assert not urlparse(url).netloc, f"{path.name} loads {url}"
            if not url.startswith("data:"):
                assert (path.parent / unquote(urlparse(url).path)).is_file(), f"{path.name} loads {url}"


def test_links_inside_the_site_lead_somewhere(pages):
    for path, page in pages.items():
        for url in page.links:
            parts = urlparse(url)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            assert target.exists(), f"{path.name} links to {url}"
            if parts.fragment and target in pages:
                assert unquote(parts.fragment) in pages[target].ids, f"{path.name} links to {url}"


def test_no_page_shows_an_error_or_a_dead_widget(pages):
    for path, page in pages.items():
        text = "".join(page.text)
        assert "Traceback (most recent call last)" not in text, path.name
        assert not re.search(r"\b\w*Warning: ", text), path.name
        assert "{{" not in text, path.name
        assert "VBox(" not in text and "HBox(" not in text, path.name


def test_the_sliders_of_the_walk_have_frames(pages):
    html = (HTML / "06_1_walk.html").read_text()
    assert html.count('class="dcgan-slider"') == 2
    assert html.count('type="range"') == 7
    assert html.count("data:image/webp;base64,") >= 2


def test_the_walk_moves_by_itself(pages):
    html = (HTML / "06_1_walk.html").read_text()
    [animation] = re.findall(r'class="dcgan-animation"[^>]*src="data:image/webp;base64,([^"]*)"', html)
    moving = Image.open(io.BytesIO(base64.b64decode(animation)))
    assert moving.n_frames > 40 and moving.info["loop"] == 0


def test_the_sliders_of_the_arithmetic_have_frames_and_the_picker_a_picture(pages):
    html = (HTML / "06_3_2_arithmetic.html").read_text()
    assert html.count('class="dcgan-slider"') == 3
    assert html.count('type="range"') == 3 + 3 + 2
    assert html.count('class="dcgan-picker"') == 1
    assert html.count("data:image/webp;base64,") >= 4


def test_the_sliders_of_the_factors_have_frames(pages):
    html = (HTML / "scenes.html").read_text()
    assert html.count('class="dcgan-slider"') == 2
    assert html.count('type="range"') == 5
    assert html.count('role="switch"') == 7


@pytest.mark.parametrize(("page", "sliders"), [("06_2_features", 1), ("06_3_1_forgetting", 2)])
def test_the_sliders_of_features_and_dropped_maps_have_frames(pages, page, sliders):
    html = (HTML / f"{page}.html").read_text()
    assert html.count('class="dcgan-slider"') == 1
    assert html.count('type="range"') == sliders


def test_every_image_is_described_in_words(pages):
    for path, page in pages.items():
        for text in (image.get("alt", "") for image in page.images):
            assert " " in text and not re.search(r"[0-9a-f]{16}", text), f"{path.name}: {text or 'nothing'}"


def test_every_page_says_what_it_is_of_when_and_leads_to_the_paper(pages):
    for path in pages:
        text = path.read_text()
        assert "https://arxiv.org/abs/1511.06434" in text and "MIT licence" in text and "Version " in text, path.name
        if path.stem not in ("404", "genindex", "search"):
            assert '<meta name="description"' in text, path.name
    for chapter in CHAPTERS:
        assert f"_sources/{chapter.stem}.ipynb" in pages[HTML / f"{chapter.stem}.html"].links


def test_functions_that_are_named_lead_to_their_lines(pages):
    links = {url for page in pages.values() for url in page.links if url.startswith("code/")}
    assert len(links) > 3
    for url in links:
        name, line = url.split("#")
        assert f'id="{line}"' in (HTML / name).read_text(), url


def test_a_page_is_light(pages):
    weights = {path.stem: browsing.weight(path.stem) for path in pages}
    assert not {name: weight for name, weight in weights.items() if weight > HEAVIEST}


# --- in a browser -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def browser():
    if (missing := browsing.missing()) is not None:
        pytest.skip(missing)
    with browsing.launched() as browser:
        yield browser


@pytest.fixture(scope="module")
def address(pages):
    with browsing.served() as address:
        yield address


@pytest.fixture
def opened(browser, address):
    """Opens a page of the site; errors of its scripts fail the test."""
    errors, contexts = [], []

    def open_page(name, width, **options):
        size = {"width": width, "height": browsing.HEIGHTS[width]}
        contexts.append(browser.new_context(viewport=size, **options))
        page = contexts[-1].new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(f"{address}/{name}.html")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not errors


def test_nothing_goes_wrong_on_any_page_at_any_width(pages, browser, address, capsys):
    """Every page at 390 and 1280 px in light, four in the dark; SITE_MATRIX=full: at 768 px too, and all in the dark."""
    full = os.environ.get("SITE_MATRIX") == "full"
    visits = [browsing.visit(browser, address, *one) for one in browsing.matrix([p.stem for p in pages], full)]
    with capsys.disabled():
        print(f"\n\n{browsing.table(visits)}")
    assert not [f"{v.name} {v.width} {v.scheme}: {finding}" for v in visits for finding in v.findings]


@pytest.mark.parametrize("width", [390, 768])
def test_both_drawers_open_and_close(opened, width):
    page = opened("04_training", width)
    for side, link in (("primary", "03_architecture.html"), ("secondary", "#exercises")):
        drawer = page.locator(f"#pst-{side}-sidebar-modal")
        assert not drawer.is_visible()
        page.locator(f"button.{side}-toggle:visible").click()
        drawer.locator(f"a[href='{link}']").wait_for(state="visible")  # each waits up to half a minute, then fails
        page.keyboard.press("Escape")
        drawer.wait_for(state="hidden")


def test_the_sidebar_collapses_on_the_desktop_and_comes_back(opened):
    page = opened("04_training", 1280)
    link = page.locator("#pst-primary-sidebar a[href='03_architecture.html']")
    for state in ("visible", "hidden", "visible"):
        link.wait_for(state=state)
        page.locator("button.primary-toggle:visible").click()


@pytest.mark.parametrize("width", [390, 1280])
def test_search_finds(opened, width):
    page = opened("index", width)
    page.locator("button.search-button__button:visible").first.click()
    page.keyboard.type("batchnorm")
    page.keyboard.press("Enter")
    page.locator("#search-results a[href*='03_architecture']").first.wait_for()


@pytest.mark.parametrize("how", ["mouse", "key", "touch"])
def test_sliders_move(opened, how):
    page = opened("06_1_walk", 390 if how == "touch" else 1280, has_touch=how == "touch")
    slider = page.locator(".dcgan-slider").first
    bar, frame = slider.locator("input[type=range]").first, slider.locator(".dcgan-frame")
    shown = "e => [getComputedStyle(e).backgroundPosition, getComputedStyle(e).backgroundImage.length]"
    before, value = frame.evaluate(shown), bar.input_value()
    bar.scroll_into_view_if_needed()
    box = bar.bounding_box()
    if how == "key":
        bar.focus()
        page.keyboard.press("ArrowRight")
    elif how == "mouse":
        page.mouse.click(box["x"] + box["width"] * 0.9, box["y"] + box["height"] / 2)
    else:
        page.touchscreen.tap(box["x"] + box["width"] * 0.9, box["y"] + box["height"] / 2)
    assert bar.input_value() != value
    assert frame.evaluate(shown)[0] != before[0] and before[1] > 1000, "the picture did not follow"


@pytest.mark.parametrize("width", [390, 1280])
def test_figures_keep_their_proportions_and_open_large(pages, opened, width):
    """Also where they are narrower than they were drawn. On a phone at half their size: text as large as the page's."""
    page = opened("05_1_cifar10", width)
    squeezed = "i => i.complete && i.naturalWidth ? i.clientWidth / i.clientHeight * i.naturalHeight / i.naturalWidth : 1"
    ratios = page.evaluate(f"[...document.querySelectorAll('.cell_output img')].map({squeezed})")
    assert len(ratios) > 3 and all(0.98 < ratio < 1.02 for ratio in ratios)
    page.locator("figure a.image-reference").first.click()
    shown = page.locator("#enlarged img")
    shown.wait_for(state="visible")
    shown.evaluate("i => i.decode()")
    assert shown.evaluate("i => i.clientWidth / i.naturalWidth") == pytest.approx(0.5 if width == 390 else 1, abs=0.01)
    page.keyboard.press("Escape")
    shown.wait_for(state="hidden")


def test_the_scoreboard_can_be_filtered_by_verdict_without_a_server(opened):
    page = opened("scoreboard", 390)
    board = page.locator(".dcgan-board").first
    lines = board.locator("details.claim")
    shown = "lines => lines.filter(line => line.offsetParent).map(line => line.className)"
    before = len(lines.evaluate_all(shown))
    board.locator("label.not-measured input").check()
    left = lines.evaluate_all(shown)
    assert 0 < len(left) < before and all("not-measured" in name for name in left)
    assert board.locator(".group").evaluate_all("all => all.every(g => !g.offsetParent || g.querySelector('.not-measured'))")


def test_an_animation_can_be_told_to_stand_still(opened):
    page = opened("06_1_walk", 1280)
    moving, still = page.locator(".dcgan-animation"), page.locator(".dcgan-still")
    assert moving.is_visible() and not still.is_visible()
    page.locator(".dcgan-moving input").check()
    assert still.is_visible() and not moving.is_visible()
    calm = opened("06_1_walk", 1280, reduced_motion="reduce")
    assert calm.locator(".dcgan-still").is_visible() and not calm.locator(".dcgan-animation").is_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_what_is_printed_wraps_and_images_are_as_they_are(pages, opened, scheme):
    """On a phone. In the dark, the theme would dim images and lay slabs under outputs."""
    cut = "pre => pre.scrollWidth > pre.clientWidth + 1 ? [pre.textContent.trim().slice(0, 60)] : []"
    style = "([what, name]) => [...new Set([...document.querySelectorAll(what)].map(e => getComputedStyle(e)[name]))]"
    page = opened("index", 390, color_scheme=scheme)
    for path in pages:
        page.goto(page.url.rsplit("/", 1)[0] + f"/{path.name}")
        assert page.evaluate("document.documentElement.dataset.theme") == scheme
        assert not page.evaluate(f"[...document.querySelectorAll('.output:not(.columns) pre')].flatMap({cut})"), path.name
        assert set(page.evaluate(style, ["img", "filter"])) <= {"none"}, path.name
        assert set(page.evaluate(style, [".cell_output img", "padding"])) <= {"0px"}, path.name
        assert set(page.evaluate(style, [".cell_output .text_html", "backgroundColor"])) <= {"rgba(0, 0, 0, 0)"}, path.name
