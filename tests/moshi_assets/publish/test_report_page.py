"""The report in a browser, opened from disk: it plays, its words light up, a channel can be heard alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from moshi_assets.publish.report.write import write_report
from tests.moshi_assets.support.browser import CHROMIUM, Page, browser
from tests.moshi_assets.support.plain_dataset import PlainDataset, record

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")

HOSTILE = "</script><img src=x onerror=document.title='hacked'>"
LEVELS = "[document.getElementById('level-left').value, document.getElementById('level-right').value]"
NOW = "document.getElementById('now').textContent"
LIT = "[...document.querySelectorAll('.word.on')].map((word) => word.textContent)"


def seconds(clock: str) -> float:
    minutes, rest = clock.split(":")
    return 60 * int(minutes) + float(rest)


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five dialogues of noise, some three seconds each: both roles speak from 0 s to the end, so that silence is never
    theirs.
    """
    folder = tmp_path_factory.mktemp("page")
    text = "Some words that take about three seconds to be said."
    lines = [record(n, user_text=f"{text} Number {n}?", assistant_text=f"{text} Number {n}.") for n in range(4)]
    said = f"{HOSTILE} said the user."
    lines.append(record(4, id=HOSTILE, user_text=said, assistant_text=("some " * 20)[: len(said) - 1] + "!"))
    settings = {"layout": "overlapped", "noise": {"characters_per_second": 18.0}, "transcripts": True}
    dataset = PlainDataset(folder, lines, text={"clean": {"html": False}}, **settings)
    dataset.build()
    return write_report(dataset.store, samples=5).path


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory):
    with browser(tmp_path_factory.mktemp("browser")) as page:
        yield page


@pytest.fixture
def page(tab: Page, report: Path) -> Page:
    """The report, freshly opened on a desktop."""
    tab.console.clear()
    tab.requests.clear()
    tab.look(1280, 900)
    tab.open(report.as_uri())
    return tab


def playing(page: Page) -> Page:
    page.click("#play")
    page.wait_for("document.getElementById('play').classList.contains('playing')")
    return page


def test_playback_starts_and_the_clock_runs(page):
    playing(page)

    page.wait_for(f"parseFloat({NOW}.slice(2)) > 0.5")
    assert page.evaluate("document.getElementById('play').getAttribute('aria-label')") == "Pause"


def test_words_light_up_when_their_time_has_come(page):
    times = page.evaluate("JSON.parse(document.getElementById('clips').textContent)[0].turns.map((turn) => turn.words)")
    playing(page)

    seen = []
    for _ in range(12):
        # One look: the words that are lit, and the position that the page believes to be at.
        lit, now = page.evaluate(f"new Promise((done) => requestAnimationFrame(() => done([{LIT}, {NOW}])))")
        due = {
            word
            for words in times
            for word, start, end in words
            if start - 0.15 <= seconds(now) <= end + 0.15  # the clock shows tenths, and a frame may lie between
        }
        assert set(lit) <= due, (lit, now)
        seen += lit
        page.evaluate("new Promise((done) => setTimeout(done, 120))")
    assert len(set(seen)) >= 4


def test_every_word_of_both_channels_has_its_mark(page):
    words = page.evaluate("JSON.parse(document.getElementById('clips').textContent)[0].timed")

    assert page.evaluate("document.querySelectorAll('.wave .mark').length") == words > 10


def test_both_channels_sound_at_first(page):
    playing(page)

    page.wait_for(f"{LEVELS}.every((level) => level > 0.3)")


@pytest.mark.parametrize(("side", "silent"), [("left", 1), ("right", 0)])
def test_solo_mutes_the_other_channel(page, side, silent):
    playing(page)
    page.wait_for(f"{LEVELS}.every((level) => level > 0.3)")

    page.click(f"[data-solo={side}]")

    page.wait_for(f"{LEVELS}[{silent}] < 0.01 && {LEVELS}[{1 - silent}] > 0.3")
    assert page.evaluate(f"document.querySelector('[data-solo={side}]').getAttribute('aria-pressed')") == "true"


def test_both_channels_come_back_after_solo(page):
    page.click("[data-solo=right]")
    playing(page)
    page.wait_for(f"{LEVELS}[0] < 0.01 && {LEVELS}[1] > 0.3")

    page.click("[data-solo=both]")

    page.wait_for(f"{LEVELS}.every((level) => level > 0.3)")


def test_pause_stops_where_it_is(page):
    playing(page)
    page.wait_for(f"parseFloat({NOW}.slice(2)) > 0.3")

    page.click("#play")
    first = page.evaluate(NOW)
    page.evaluate("new Promise((done) => setTimeout(done, 300))")

    assert page.evaluate(NOW) == first != "0:00.0"


def test_playback_ends_at_the_end_and_starts_again(page):
    page.evaluate("document.getElementById('wave').focus()")
    page.press("End")
    page.press("ArrowLeft")
    page.press(" ")

    page.wait_for(f"!document.getElementById('play').classList.contains('playing') && {NOW} === "
                  f"document.getElementById('length').textContent")  # fmt: skip
    playing(page)
    assert seconds(page.evaluate(NOW)) < 1


def test_a_click_on_the_waveform_moves_there(page):
    page.click("#wave", share=0.5)

    total = seconds(page.evaluate("document.getElementById('length').textContent"))
    assert seconds(page.evaluate(NOW)) == pytest.approx(total / 2, abs=0.11)


def test_a_click_on_a_word_plays_from_it(page):
    start = page.evaluate("+document.querySelectorAll('.assistant .word')[5].dataset.at")
    page.evaluate("document.querySelectorAll('.assistant .word')[5].id = 'sixth'")

    page.click("#sixth")

    page.wait_for("document.getElementById('play').classList.contains('playing')")
    assert start - 0.06 <= seconds(page.evaluate(NOW)) <= start + 1
    page.wait_for("document.getElementById('sixth').classList.contains('on')")


# -- the keyboard


def test_keys_play_and_move(page):
    page.evaluate("document.getElementById('wave').focus()")

    page.press("ArrowRight")
    assert page.evaluate(NOW) == "0:01.0"
    page.press("ArrowLeft")
    assert page.evaluate(NOW) == "0:00.0"
    page.press("End")
    assert page.evaluate(f"{NOW} === document.getElementById('length').textContent")
    page.press("Home")
    page.press(" ")
    page.wait_for("document.getElementById('play').classList.contains('playing')")


PLAYING = "document.getElementById('play').classList.contains('playing')"


@pytest.mark.parametrize(
    "place", ["h1", "#facts dd", ".sample", "[data-solo=left]", "#turns .text", "summary", ".scroll"]
)
def test_space_plays_and_pauses_after_a_click_anywhere(page, place):
    page.evaluate("document.querySelectorAll('details').forEach((details) => { details.open = true; })")
    page.click(place)
    page.wait_for(f"!{PLAYING}")  # a click on a word plays already
    where = page.evaluate("scrollY")

    page.press(" ")
    page.wait_for(PLAYING)
    page.press(" ")

    assert page.evaluate(f"!{PLAYING} && scrollY === {where}")


def test_space_plays_where_nothing_was_clicked(page):
    page.press(" ")

    page.wait_for(PLAYING)


def test_a_control_that_was_reached_with_tab_keeps_space_for_itself(page):
    page.evaluate("document.querySelector('.sample').focus()")
    page.press("Tab")

    page.press(" ")
    chosen = page.evaluate("document.querySelectorAll('.sample')[1].getAttribute('aria-current')")
    assert chosen == "true" and not page.evaluate(PLAYING)

    page.press(" ")  # it is chosen: nothing is left to be done but to hear it
    page.wait_for(PLAYING)


def test_on_paper_there_is_no_desk(page, tmp_path):
    page.call("Emulation.setEmulatedMedia", media="print")
    shown = "[...document.querySelectorAll('section, nav')].filter((e) => e.checkVisibility()).map((e) => e.id)"

    assert page.evaluate(shown) == ["", "distributions", "rejects", "texts", "facts"]
    assert "Listening desk" not in page.evaluate("document.body.innerText")


def test_a_sample_is_chosen_with_tab_and_enter(page):
    page.evaluate("document.querySelector('.sample').focus()")
    page.press("Tab")
    page.press("Enter")

    chosen = "document.querySelector('.sample[aria-current=true] .what').textContent"
    assert page.evaluate(f"{chosen} === document.querySelectorAll('.sample .what')[1].textContent")
    assert page.evaluate(f"document.getElementById('clip-title').textContent === {chosen}")
    assert "Sample 2 of" in page.evaluate("document.getElementById('said').textContent")


def test_the_position_is_told_to_a_screen_reader(page):
    assert page.evaluate("document.getElementById('wave').getAttribute('aria-valuenow')") == "0.0"
    page.evaluate("document.getElementById('wave').focus()")
    page.press("ArrowRight")

    assert page.evaluate("document.getElementById('wave').getAttribute('aria-valuenow')") == "1.0"
    assert page.evaluate("document.getElementById('wave').getAttribute('aria-valuetext')").startswith("1.0 of ")


def test_every_control_has_a_name_and_an_outline_when_focused(page):
    nameless = page.evaluate(
        "[...document.querySelectorAll('button, [role=slider], summary, [tabindex]')].filter((e) => "
        "!(e.getAttribute('aria-label') || e.textContent.trim())).length"
    )
    page.evaluate("document.getElementById('previous').focus()")
    page.press("Tab")

    assert nameless == 0
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_starting_another_sample_silences_the_first(page):
    playing(page)
    page.click("#next")

    assert page.evaluate("document.getElementById('play').classList.contains('playing')") is False
    assert page.evaluate(NOW) == "0:00.0"


# -- what it must not do


def test_nothing_is_fetched_and_nothing_goes_wrong(page, report):
    playing(page)
    page.wait_for(f"parseFloat({NOW}.slice(2)) > 0.3")
    for _ in range(5):
        page.click("#next")
    page.evaluate("window.scrollTo(0, document.body.scrollHeight)")

    assert set(page.requests) == {report.as_uri()}
    assert page.console == []


def test_hostile_text_stays_text(page):
    titles = page.evaluate("[...document.querySelectorAll('.sample .what')].map((e) => e.textContent)")
    page.evaluate(f"document.querySelectorAll('.sample')[{titles.index(HOSTILE)}].click()")

    assert page.evaluate("document.title") == "talks · dataset report"
    assert page.evaluate("document.querySelectorAll('img').length") == 0
    assert page.evaluate("document.getElementById('clip-title').textContent") == HOSTILE
    assert page.evaluate("document.querySelector('.turns .text').textContent") == f"{HOSTILE} said the user."


@pytest.mark.parametrize(("width", "height"), [(375, 812), (1280, 900)])
@pytest.mark.parametrize("dark", [False, True])
def test_it_fits_the_window_and_its_text_can_be_read(page, width, height, dark):
    page.look(width, height, dark)

    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert page.evaluate(CONTRASTS) == []


CONTRASTS = """
(() => {
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const parse = (color) => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data; return [r, g, b, a / 255]; };
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255).map((v) => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = (element) => { for (let e = element; e; e = e.parentElement) {
    const color = parse(getComputedStyle(e).backgroundColor); if (color[3] > 0.99) return color; } return [255, 255, 255, 1]; };
  const poor = [];
  for (const element of document.querySelectorAll('body *')) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (!own || !element.checkVisibility() || element.closest('script, style, .unseen, .skip, :disabled')) continue;
    const style = getComputedStyle(element), svg = element instanceof SVGElement;
    const [front, back] = [light(parse(svg ? style.fill : style.color)), light(ground(element))];
    const ratio = (Math.max(front, back) + 0.05) / (Math.min(front, back) + 0.05);
    const size = parseFloat(style.fontSize), large = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
    if (ratio < (large ? 3 : 4.5)) poor.push([element.textContent.trim().slice(0, 30), +ratio.toFixed(2)]);
  }
  return poor;
})()
"""  # noqa: E501
"""Texts whose contrast with what lies behind them is below WCAG AA."""
