"""Pages in a browser: they draw, answer, and can be read."""

import json
import shutil

import pytest
from report_runs import NAMES, data, make_run

from suncet_jax import report
from suncet_jax.report import wording

_BROWSER, _DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(
  not (_BROWSER and _DRIVER),
  reason="needs chromium and chromedriver (Debian: chromium-driver)",
)

_DARK = {"name": "prefers-color-scheme", "value": "dark"}
_DRAWN = "return document.documentElement.dataset.drawn"
# Texts of less than 4.5:1 (WCAG 2.1, AA) against what is behind them. A
# canvas turns every notation of a colour into four bytes.
_FAINT_TEXTS = """
const context = document.createElement("canvas").getContext("2d");
function bytes(color) {
  context.clearRect(0, 0, 1, 1);
  context.fillStyle = color;
  context.fillRect(0, 0, 1, 1);
  return [...context.getImageData(0, 0, 1, 1).data];
}
function luminance([r, g, b]) {
  const linear = [r, g, b].map((v) => v / 255).map((v) =>
    v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
}
function behind(element) {
  for (let e = element; e; e = e.parentElement) {
    const color = bytes(getComputedStyle(e).backgroundColor);
    if (color[3] === 255) return color;
  }
  return [255, 255, 255];
}
function contrast(a, b) {
  const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return (high + 0.05) / (low + 0.05);
}
let seen = 0;
const faint = [];
function check(what, color, element) {
  seen += 1;
  const ratio = contrast(bytes(color), behind(element));
  if (ratio < 4.5) faint.push(`${what}: ${color}, ${ratio.toFixed(2)}`);
}
for (const e of document.querySelectorAll("body *")) {
  const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
  if (own && e.checkVisibility() && !e.closest("script, .chart")) {
    check(`<${e.tagName}> ${e.textContent.slice(0, 30)}`,
      getComputedStyle(e).color, e);
  }
}
for (const {model, place} of suncet.views) {
  for (const item of [...model.below, ...model.left]) {
    if (item.visible && item.type.endsWith("Axis")) {
      check("axis", item.major_label_text_color, place);
      check("axis label", item.axis_label_text_color, place);
    }
  }
}
return [seen, faint];
"""


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
  """A page about one run, and one that compares four."""
  root = tmp_path_factory.mktemp("runs")
  metrics = {"knn_top1": 0.9, "linear_top1": 0.5}
  runs = [
    make_run(root / "a", metrics=metrics, kept=data()),
    make_run(root / "b", metrics=metrics, seed=1, kept=data(1)),
    make_run(root / "<i>c", method=NAMES[0]),
    make_run(root / "d", method=NAMES[0], seed=1),
  ]
  return (
    report.write_report(runs[:1], root / "one.html"),
    report.write_report(runs, root / "several.html"),
  )


@pytest.fixture(scope="module")
def browser():
  from selenium import webdriver
  from selenium.webdriver.chrome.service import Service

  options = webdriver.ChromeOptions()
  options.binary_location = _BROWSER
  for argument in (
    "--headless",
    "--no-sandbox",  # tests may run as root, in a container
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
  ):
    options.add_argument(argument)
  logs = {"browser": "ALL", "performance": "ALL"}
  options.set_capability("goog:loggingPrefs", logs)
  browser = webdriver.Chrome(options, Service(_DRIVER))
  yield browser
  browser.quit()


def _open(browser, page, *, width=1200, media=()):
  """Opens a page of a width in pixels and waits until it is drawn."""
  from selenium.webdriver.support.wait import WebDriverWait

  size = {"width": width, "height": 900, "deviceScaleFactor": 1}
  size["mobile"] = width < 600
  browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
  _set_media(browser, *media)
  for name in ("browser", "performance"):
    browser.get_log(name)  # of the page before
  browser.get(page.resolve().as_uri())
  WebDriverWait(browser, 120).until(lambda b: b.execute_script(_DRAWN))


def _set_media(browser, *features):
  command = "Emulation.setEmulatedMedia"
  browser.execute_cdp_cmd(command, {"features": list(features)})
  # The page learns of it when it draws the next picture.
  browser.execute_async_script(
    "const done = arguments[0];"
    "requestAnimationFrame(() => requestAnimationFrame(done));"
  )


def _addresses(browser):
  """Returns what the browser asked for since the page was opened."""
  events = [
    json.loads(entry["message"])["message"]
    for entry in browser.get_log("performance")
  ]
  return [
    event["params"]["request"]["url"]
    for event in events
    if event["method"] == "Network.requestWillBeSent"
  ]


def _problems(browser):
  """Returns what the browser complained about since the page was opened."""
  return [
    entry["message"]
    for entry in browser.get_log("browser")
    if entry["level"] in ("SEVERE", "WARNING")
  ]


@pytest.mark.parametrize("which", [0, 1], ids=["one run", "several"])
def test_page_draws_and_asks_for_nothing(browser, pages, which):
  _open(browser, pages[which])
  drawn, canvases, pictures, loaded, injected = browser.execute_script("""
    const pictures = [...document.images];
    const canvases = suncet.views.filter(({place}) =>
      place.firstElementChild.nextElementSibling.shadowRoot
        .querySelector("canvas, .bk-Canvas"));
    return [document.querySelectorAll(".chart").length, canvases.length,
      pictures.length, pictures.filter((p) => p.naturalWidth > 0).length,
      document.querySelectorAll("i:not([style]), b + script").length];
  """)
  assert drawn == canvases
  assert drawn > 10
  assert loaded == pictures
  assert pictures == (30 if which == 0 else 0)
  assert injected == 0
  assert _problems(browser) == []
  addresses = _addresses(browser)
  assert pages[which].resolve().as_uri() in addresses
  schemes = {address.partition(":")[0] for address in addresses}
  assert schemes <= {"file", "data", "blob"}
  assert sum(address.startswith("file:") for address in addresses) == 1


def test_numbers_are_written_as_in_tables(browser, pages):
  _open(browser, pages[0])
  numbers = [0, 0.25, 500, 12_000, 999_999, 1.25e6, 3e18]
  script = "return arguments[0].map(suncet.short)"
  found = browser.execute_script(script, numbers)
  assert found == [wording.short(number) for number in numbers]


def _under_policy(page, policy):
  """Returns a copy of a page that comes with a Content-Security-Policy."""
  copy = page.with_name(f"policy-{page.name}")
  head = (
    f'<head>\n<meta http-equiv="Content-Security-Policy" content="{policy}">'
  )
  copy.write_text(page.read_text().replace("<head>", head, 1))
  return copy


def test_page_needs_no_eval(browser, pages):
  from selenium.webdriver.support.wait import WebDriverWait

  _open(browser, _under_policy(pages[0], "script-src 'unsafe-inline'"))
  _point_at(browser, browser.execute_script(_POINT, "spread"))
  WebDriverWait(browser, 20).until(
    lambda b: "suncet\n56.0 %\nat 15" in "".join(b.execute_script(_TOOLTIPS))
  )
  assert not _problems(browser)
  assert not browser.execute_script("return document.querySelector('.chart p')")


def test_charts_say_that_scripts_are_forbidden(browser, pages):
  from selenium.webdriver.common.by import By

  browser.get(_under_policy(pages[0], "script-src 'none'").resolve().as_uri())
  places = browser.find_elements(By.CLASS_NAME, "chart")
  assert len(places) > 10
  for place in places:
    words = place.get_attribute("aria-label")
    assert place.text.startswith(f"{words} The script of this page")
    assert place.is_displayed()


@pytest.mark.slow
def test_pages_fit_a_phone(browser, pages):
  for page in pages:
    _open(browser, page, width=390)
    width, inner = browser.execute_script(
      "return [document.documentElement.scrollWidth, innerWidth]"
    )
    assert inner == 390
    assert width <= inner


@pytest.mark.slow
def test_texts_can_be_read_in_both_modes_and_when_it_switches(browser, pages):
  _open(browser, pages[0])
  colors = set()
  for media in ((), (_DARK,), ()):
    _set_media(browser, *media)
    seen, faint = browser.execute_script(_FAINT_TEXTS)
    assert seen > 100
    assert faint == []
    colors.add(
      browser.execute_script(
        "return suncet.views[0].model.below[0].axis_label_text_color"
      )
    )
  assert len(colors) == 2


def test_buttons_change_the_axis_and_hide_a_setting(browser, pages):
  _open(browser, pages[1])
  before, after, labels = browser.execute_script("""
    const ends = () => suncet.views.slice(0, 5).map(({model}) =>
      Math.max(...[...model.renderers.at(-1).data_source.data.x]
        .filter(Number.isFinite)));
    const [before, first] = [ends(), suncet.views[0].model.below[0].axis_label];
    document.querySelector("[data-axis='epochs']").click();
    return [before, ends(), [first, suncet.views[0].model.below[0].axis_label]];
  """)
  # An epoch of one method is not that of another.
  assert labels == ["images processed", "epochs"]
  # Values of the synthetic runs: 2,560 images per epoch.
  assert before == pytest.approx([2560 * end for end in after], rel=1e-5)
  hidden, others = browser.execute_script(
    """
    const group = document.querySelector(".chart-group");
    group.querySelector("[data-series='suncet']").click();
    const {model} = suncet.views.find(({place}) => group.contains(place));
    const of = (name) => model.renderers.filter((r) => r.name === name)
      .map((r) => r.visible);
    return [of("suncet"), of(arguments[0])];
  """,
    NAMES[0],
  )
  assert hidden
  assert not any(hidden)
  assert others
  assert all(others)


def test_map_shows_the_image_at_the_pointer(browser, pages):
  _open(browser, pages[0])
  sheet, left = browser.execute_script("""
    const view = suncet.views.find(({model}) =>
      model.renderers.some((r) => "left" in r.data_source.data));
    return [getComputedStyle(document.documentElement)
      .getPropertyValue("--sheet"),
      [...view.model.renderers[1].data_source.data.left]];
  """)
  assert sheet.startswith("url(blob:")
  # Six images a row, 96 pixels each; rows 2, 5, 8 ... are of class 1: every
  # second image is on the map.
  places = [i for i in range(30) if 2 * i % 3 == 1]
  assert left == [96 * (i % 6) for i in places]


# Where a point of the first diagram, or of the map, is on the screen.
_POINT = """
const view = [...Bokeh.index.roots].find(({model}) => model?.renderers?.some(
  (r) => arguments[0] in r.data_source.data));
view.canvas_view.el.scrollIntoView({block: "center"});
const {x, y} = view.model.renderers.at(-1).data_source.data;
const box = view.canvas_view.el.getBoundingClientRect();
const i = Math.floor(x.length / 2);
return {x: box.left + view.frame.x_scale.compute(x[i]),
  y: box.top + view.frame.y_scale.compute(y[i])};
"""
_TOOLTIPS = """
function* all(node) {
  for (const e of node.querySelectorAll("*")) {
    if (e.classList.contains("bk-Tooltip")) yield e;
    if (e.shadowRoot) yield* all(e.shadowRoot);
  }
}
return [...all(document)].map(({shadowRoot}) =>
  shadowRoot.querySelector(".bk-tooltip-content").innerText);
"""


def _point_at(browser, place):
  event = {"type": "mouseMoved", **place}
  browser.execute_cdp_cmd("Input.dispatchMouseEvent", event)


def _tap(browser, place):
  command = "Input.dispatchTouchEvent"
  for kind, points in (("touchStart", [place]), ("touchEnd", [])):
    event = {"type": kind, "touchPoints": points}
    browser.execute_cdp_cmd(command, event)


@pytest.mark.parametrize(("show", "width"), [(_point_at, 1200), (_tap, 390)])
@pytest.mark.slow
def test_pointer_and_finger_show_values_and_images(browser, pages, show, width):
  from selenium.webdriver.support.wait import WebDriverWait

  touch = {"enabled": show is _tap, "maxTouchPoints": 1}
  browser.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", touch)
  _open(browser, pages[0], width=width)
  # One run has no deviation to show.
  for column, text in (("spread", "suncet\n56.0 %\nat 15"), ("left", "taken")):
    show(browser, browser.execute_script(_POINT, column))
    WebDriverWait(browser, 20).until(
      lambda b, text=text: text in "".join(b.execute_script(_TOOLTIPS))
    )
    assert len(browser.execute_script(_TOOLTIPS)) == 1
  browser.execute_cdp_cmd(
    "Emulation.setTouchEmulationEnabled", {"enabled": False}
  )


@pytest.mark.slow
def test_what_is_printed_from_a_dark_screen_is_drawn_at_once(browser, pages):
  _open(browser, pages[0], media=[_DARK])
  # The colours of the first curve on a dark and on a light page.
  counts = browser.execute_script(
    """
    const {place} = suncet.views[0];
    const canvases = (node) => [...node.querySelectorAll("*")].flatMap((e) =>
      e.tagName === "CANVAS" ? [e]
        : e.shadowRoot ? canvases(e.shadowRoot) : []);
    const count = ([r, g, b]) => canvases(place).map((canvas) => {
      const {data} = canvas.getContext("2d")
        .getImageData(0, 0, canvas.width, canvas.height);
      let found = 0;
      for (let i = 0; i < data.length; i += 4) {
        found += data[i] === r && data[i + 1] === g && data[i + 2] === b;
      }
      return found;
    }).reduce((a, b) => a + b);
    const counts = [];
    for (const moment of ["none", "beforeprint", "afterprint"]) {
      dispatchEvent(new Event(moment));
      counts.push(arguments[0].map(count));
    }
    return counts;
  """,
    [(0x6E, 0xA8, 0xEA), (0x25, 0x63, 0xA8)],
  )
  is_there = [[number > 50 for number in pair] for pair in counts]
  assert is_there == [[True, False], [False, True], [True, False]]
