"""A page in headless Chromium: each check gives what is wrong with it, as texts."""

import os
import re
import shutil
from contextlib import contextmanager

import pytest

playwright = pytest.importorskip("playwright.sync_api", reason="needs sslcli[browser]")
PROGRAM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "chrome"))), None)
if PROGRAM is None:
    pytest.skip("Chromium is not installed", allow_module_level=True)
ARGUMENTS = [
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    *(["--no-sandbox"] if os.geteuid() == 0 else []),
]
LEAST_CONTRAST = 4.5  # of text, level AA of WCAG 2.2

# A word is what stands between blanks or Chinese marks; Chinese may break anywhere in long texts.
BROKEN_WORDS = """() => {
  const found = [], range = document.createRange();
  for (const cell of document.querySelectorAll("td, th, .legend li, pre:not(.printed)")) {
    const texts = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT);
    let word = [];
    const close = () => {
      const tops = new Set(word.flatMap(([node, start, stop]) => {
        range.setStart(node, start); range.setEnd(node, stop);
        return [...range.getClientRects()].filter((box) => box.width).map((box) => Math.round(box.top / 4));
      }));
      const said = word.map(([node, start, stop]) => node.data.slice(start, stop)).join("");
      const wraps = cell.matches(".text, li, pre") && /[\\u2e80-\\uffef]/.test(said);
      if (tops.size > 1 && !wraps) found.push(said);
      word = [];
    };
    for (let node = texts.nextNode(); node; node = texts.nextNode()) {
      for (const match of node.data.matchAll(/[\\s，。；：（）“”]+|[^\\s，。；：（）“”]+/g)) {
        if (/[\\s，。；：（）“”]/.test(match[0])) close();
        else word.push([node, match.index, match.index + match[0].length]);
      }
    }
    close();
  }
  return found;
}"""

# Background: of the nearest element that has one. A computed color is "rgb(r, g, b)", or with a
# fourth number.
FAINT_TEXTS = """(least) => {
  const numbers = (color) => color.match(/[\\d.]+/g).map(Number);
  const luminance = (color) => {
    const [r, g, b] = numbers(color).slice(0, 3).map((part) => {
      const share = part / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    for (; element; element = element.parentElement) {
      const color = getComputedStyle(element).backgroundColor;
      if ((numbers(color)[3] ?? 1) > 0) return color;
    }
    return "rgb(255, 255, 255)";
  };
  const found = [], texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = texts.nextNode(); node; node = texts.nextNode()) {
    const element = node.parentElement;
    if (!node.data.trim() || ["SCRIPT", "STYLE"].includes(element.tagName)) continue;
    const style = getComputedStyle(element);
    const ends = [luminance(element.closest("svg") ? style.fill : style.color), luminance(behind(element))];
    const ratio = (Math.max(...ends) + 0.05) / (Math.min(...ends) + 0.05);
    if (ratio < least) found.push(`${node.data.trim()}: ${ratio.toFixed(2)}`);
  }
  return found;
}"""

# Where a value is on the screen, what the legend says there, and what it said before.
POINTED = """(axes) => {
  const shown = axes.closest("figure").querySelectorAll(".legend b");
  const box = axes.getBoundingClientRect(), width = axes.viewBox.baseVal.width;
  return [...axes.querySelectorAll(".curve")].map((curve, index) => {
    const values = JSON.parse(curve.dataset.values), value = values[Math.floor(values.length / 2)];
    const scale = box.width / width;
    return { x: box.left + value[0] * scale, y: box.top + value[1] * scale,
      at: value[2], wanted: value[3], shown: shown[index].textContent,
      is_constant: curve.dataset.constant !== undefined };
  });
}"""


@contextmanager
def started():
    """The program, without a network to speak of."""
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=PROGRAM, args=ARGUMENTS)
        yield browser
        browser.close()


class Sheet:
    """A page that is open: `said` by its console, `asked` of any network."""

    def __init__(self, browser, file, width, scheme):
        self.context = browser.new_context(
            viewport={"width": width, "height": 800}, color_scheme=scheme, has_touch=width < 500
        )
        self.page, self.said, self.asked = self.context.new_page(), [], []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("request", self._note)
        self.page.goto(file.as_uri())

    def _note(self, request):
        if not request.url.startswith(("file:", "data:")):
            self.asked.append(request.url)

    def noises(self):
        """What it said, and what it asked for."""
        self.page.wait_for_load_state()
        return self.said + self.asked

    def overflow(self):
        """Whether it scrolls sideways as a whole."""
        wide, has = self.page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        return [f"{wide} pixels of {has}"] if wide > has else []

    def broken_words(self):
        """Words of cells, legends and commands that are on two lines."""
        return self.page.evaluate(BROKEN_WORDS)

    def faint_texts(self):
        """Texts that are told from what is behind them with trouble."""
        return self.page.evaluate(FAINT_TEXTS, LEAST_CONTRAST)

    def players(self):
        """How many seconds each recording has."""
        return self.page.evaluate(
            """() => Promise.all([...document.querySelectorAll("audio")].map((player) =>
              new Promise((told) => {
                const tell = () => told(player.error ? player.error.message : player.duration);
                player.onloadedmetadata = player.onerror = tell;
                if (player.readyState || player.error) tell();
              })))"""
        )

    def silent_curves(self):
        """Values that the legend does not show where they are pointed at."""
        found = []
        for axes in self.page.query_selector_all("svg.axes"):
            axes.scroll_into_view_if_needed()
            before = axes.evaluate(POINTED)
            for number, point in enumerate(each for each in before if not each["is_constant"]):
                self.page.mouse.move(point["x"], point["y"])
                shown = [each["shown"] for each in axes.evaluate(POINTED)]
                place = before.index(point)
                if shown[place] != point["wanted"] or point["at"] not in axes.text_content():
                    found.append(f"curve {number}: {shown} for {point}")
            self.page.mouse.move(0, 0)
            if axes.evaluate(POINTED) != before:
                found.append("the legend does not come back")
        return found

    def printed(self):
        """The page on paper."""
        return self.page.pdf(prefer_css_page_size=True)


def words_of(text):
    """Words of letters and digits: line ends and dashes are not the same on paper."""
    return set(re.findall(r"[A-Za-z0-9]{3,}", text))
