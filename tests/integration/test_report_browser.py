"""The report in a browser, with no network."""

import pytest
from playwright.sync_api import expect, sync_playwright

from browsers import browser_path, needs_browser
from hardneg.reports.write import write_report
from run_folder import build_run, nasty_dataset

pytestmark = needs_browser
FLAGS = ["--no-sandbox", "--disable-gpu"]
expect.set_options(timeout=60_000)  # milliseconds; a busy machine is slow, not wrong


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=browser_path(), args=FLAGS, timeout=300_000)
        yield started
        started.close()


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    return write_report(build_run(tmp_path_factory.mktemp("run"), nasty_dataset()))


@pytest.fixture
def opened(browser, report):
    """The page, and what it complained of or asked for."""
    noticed = []
    page = browser.new_page(viewport={"width": 1000, "height": 800})
    page.set_default_timeout(60_000)
    page.on("console", lambda message: noticed.append(f"console: {message.text}"))
    page.on("pageerror", lambda error: noticed.append(f"error: {error}"))
    page.on("request", lambda request: noticed.append(f"request: {request.url}"))
    page.goto(report.as_uri())
    yield page, noticed
    page.close()


def test_it_opens_without_a_complaint_or_a_request_and_markup_in_texts_does_nothing(opened, report):
    page, noticed = opened
    assert noticed == [f"request: {report.as_uri()}"]
    assert page.evaluate("window.hacked") is None
    assert page.locator("img").count() == 0
    page.locator("#search").fill("query <script>window.hacked")
    expect(page.locator("article")).to_have_count(1)
    assert "<script>window.hacked = 1</script>" in page.locator("article h4").inner_text()
    assert noticed == [f"request: {report.as_uri()}"]
    for width in (1000, 390):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") == width
        assert page.locator(".wide svg").first.is_visible() == (width == 1000)
        assert page.locator(".narrow svg").first.is_visible() == (width == 390)


def test_the_browser_searches_and_filters(opened):
    page, _ = opened
    shown, articles = page.locator("#shown"), page.locator("article")
    assert shown.inner_text().startswith("12 of 12 queries")
    assert articles.count() == 10
    page.locator("#more").click()
    assert articles.count() == 12
    page.locator("#search").fill("open number 3")
    expect(page.locator("article")).to_have_count(1)
    assert page.locator("article mark").first.inner_text() == "open"
    page.locator("button[type=reset]").click()
    expect(page.locator("article")).to_have_count(10)
    page.locator("#fate").select_option("refused:positive_margin")
    expect(page.locator(".pair.negative")).to_have_count(0)
    reasons = set(page.locator(".pair:not(.positive) .meta b").all_inner_texts())
    assert reasons == {"refused by positive_margin"}
    page.locator("#fate").select_option("negative")
    page.locator("#score").select_option("dense")
    page.locator("#least").fill("0.6")
    page.evaluate("new Promise((done) => setTimeout(done, 200))")  # its turn comes after that of the page's own timer
    assert page.locator(".pair.refused").count() == 0
    scores = page.locator(".pair.negative .meta").all_inner_texts()
    assert scores
    assert all(float(text.partition("dense: rank ")[2].split("score ")[1].split()[0]) >= 0.6 for text in scores)
    page.locator("#least").fill("2")
    expect(page.locator("article")).to_have_count(0)
    assert "No example fits" in shown.inner_text()
