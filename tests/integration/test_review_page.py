"""The page in a real browser, with real keys and clicks."""

import re
from contextlib import contextmanager

import polars as pl
import pytest

from browsers import browser_path, needs_browser
from hardneg.audits.verdict_store import opened
from hardneg.data.dataset import Dataset
from hardneg.negatives import Selection
from hardneg.pipeline.mining import mine
from hardneg.sources import BM25, Random
from review_server import reviewing

pytestmark = needs_browser
WAIT_MS = 60_000
NASTY = "<img src=x onerror=\"document.title='broken in'\"><script>document.title='broken in'</script> & </p>"


@pytest.fixture(scope="module")
def page_of():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path(), args=["--no-sandbox"])

        @contextmanager
        def opened_page(address, **options):
            context = browser.new_context(**{"viewport": {"width": 1280, "height": 800}, **options})
            context.set_default_timeout(WAIT_MS)
            page = context.new_page()
            page.problems = []
            page.on("pageerror", lambda error: page.problems.append(str(error)))
            page.on(
                "request", lambda request: page.problems.append(request.url) if "127.0.0.1" not in request.url else 0
            )
            page.goto(address)
            yield page
            assert page.problems == []
            context.close()

        yield opened_page
        browser.close()


@pytest.fixture
def run(split_toy, tmp_path):
    """A mined run and its dataset, all of whose texts try to be HTML."""
    nasty = pl.concat_str(pl.lit(f"{NASTY} "), pl.col("text"))
    queries, documents = (table.with_columns(text=nasty) for table in (split_toy.queries, split_toy.documents))
    dataset = Dataset(queries, documents, split_toy.qrels, "nasty")
    dataset.write(tmp_path / "data")
    sources = [BM25(analyzer="plain"), Random()]
    mine(dataset, sources=sources, filters=[], select=Selection(2), depth=9, out=tmp_path / "run")
    return [tmp_path / "run", "--dataset", tmp_path / "data", "--suspects", 6, "--sample", 6]


def votes_of(run):
    with opened(run[0] / "review" / "verdicts.sqlite") as store:
        return [(pair, verdict) for pair, _, verdict in store.votes().rows()]


def count(page, judged):
    page.wait_for_function("n => document.getElementById('count').textContent.startsWith(n + ' of ')", arg=str(judged))


def test_keys_and_clicks_judge_undo_and_the_next_reviewer_begins_anew(run, page_of):
    with reviewing(*run, "--overlap", 1) as (address, _), page_of(f"{address.partition('?')[0]}?reviewer=anna") as page:
        count(page, 0)
        first = page.text_content("#query-id"), page.text_content("#doc-id")
        assert page.title() == "Review of negatives – hardneg"
        assert page.text_content("#query").startswith(NASTY)
        assert page.locator("#document mark").count() > 0
        assert page.locator("#document img, #positives img, #query img").count() == 0
        page.keyboard.press("a")
        count(page, 1)
        assert (page.text_content("#query-id"), page.text_content("#doc-id")) != first
        page.keyboard.press("N")
        count(page, 2)
        page.keyboard.press("u")
        count(page, 3)
        assert votes_of(run) == [(0, "answer"), (1, "not_answer"), (2, "unsure")]
        for judged in (2, 1, 0):
            page.keyboard.press("z")
            count(page, judged)
        assert (page.text_content("#query-id"), page.text_content("#doc-id")) == first
        assert votes_of(run) == []
        for judged, name in enumerate(("Not an answer", "Answer", "Unsure"), start=1):
            page.get_by_role("button", name=re.compile(f"^{name}")).click()
            count(page, judged)
        page.get_by_role("button", name="Undo").click()
        count(page, 2)
        assert votes_of(run) == [(0, "not_answer"), (1, "answer")]
        assert page.text_content("#said").startswith("Taken back.")
        page.fill("#reviewer", "ben")
        page.keyboard.press("a")  # a letter of a name, not a verdict
        page.keyboard.press("Backspace")
        page.keyboard.press("Enter")
        for given in (0, 1, 2):
            page.wait_for_function(
                "n => document.getElementById('count').textContent.endsWith(n + ' by you')", arg=str(given)
            )
            page.keyboard.press("a")
        page.wait_for_function("() => document.getElementById('count').textContent.endsWith('3 by you')")
        assert "anna and ben: too few yet, 2 pairs" in page.text_content("#agreement")
        assert re.search(r"\d drawn at random|none judged yet", page.text_content("#contamination"))
        assert "says nothing of the others" in page.text_content("#suspects")


def test_a_keyboard_alone_is_enough_and_letters_can_be_switched_off(run, page_of):
    with reviewing(*run) as (address, _), page_of(address) as page:
        count(page, 0)
        page.keyboard.press("Control+a")
        assert votes_of(run) == []
        names = []
        for _ in range(12):
            page.keyboard.press("Tab")
            names.append(page.evaluate("(document.activeElement.textContent || document.activeElement.id).trim()"))
            if names[-1].startswith("Not an answer"):
                break
        page.keyboard.press("Enter")
        count(page, 1)
        assert votes_of(run) == [(0, "not_answer")]
        page.uncheck("#keys")
        page.locator("#query").focus()
        page.keyboard.press("a")
        page.check("#keys")
        page.locator("#query").focus()
        page.keyboard.press("u")
        count(page, 2)
        assert votes_of(run) == [(0, "not_answer"), (1, "unsure")]
        assert page.evaluate("document.activeElement.id") == "query"


def test_all_is_judged_in_the_end_and_a_lost_server_is_noticed(run, page_of):
    with reviewing(*run) as (address, process), page_of(address) as page:
        count(page, 0)
        total = int(page.text_content("#count").split()[-1])
        for judged in range(1, total + 1):
            page.keyboard.press("n")
            count(page, judged)
        assert page.is_visible("text=Nothing is left to judge.")
        assert page.is_hidden("#pair")
        page.keyboard.press("z")
        count(page, total - 1)
        process.kill()
        process.wait()
        page.keyboard.press("n")
        page.wait_for_selector("#problem:not([hidden])")
        assert "Not saved" in page.text_content("#problem")
        assert len(votes_of(run)) == total - 1


def test_on_a_phone_nothing_is_cut_off_and_texts_can_be_read_in_light_and_dark(run, page_of):
    phone = {"viewport": {"width": 360, "height": 740}, "has_touch": True}
    with reviewing(*run) as (address, _), page_of(address, **phone) as page:
        count(page, 0)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        for button in page.locator("button").all():
            box = button.bounding_box()
            assert box["height"] >= 44
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= 360
            assert box["y"] + box["height"] <= 740
        grounds = set()
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            grounds.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
            for selector in ("#query", "#document", "#document mark", ".figures dt", "button.yes", "button.no", ".id"):
                assert page.locator(selector).first.evaluate(CONTRAST) >= 4.5, (scheme, selector)
        assert len(grounds) == 2


# Of the text to the nearest background that is not transparent (WCAG 2.2, relative luminance).
CONTRAST = """node => {
  const parse = (text) => (text.match(/[\\d.]+/g) || [0, 0, 0, 0]).map(Number);
  const light = (rgb) => {
    const [r, g, b] = rgb.map(c => c / 255).map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  let ground = node, behind;
  do { behind = parse(getComputedStyle(ground).backgroundColor); ground = ground.parentElement; }
  while (behind.length === 4 && behind[3] === 0 && ground);
  const [a, b] = [light(parse(getComputedStyle(node).color).slice(0, 3)), light(behind.slice(0, 3))];
  return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
}"""
