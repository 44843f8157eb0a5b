"""Keep what the ladders found, and draw it: results, screenshots of the report pages, and the README's picture.

    python benchmarks/ladder/pictures.py RUNS [--sets nl2bash …]

RUNS is where climb.sh wrote to. Each set's ladder.json and per_query.parquet are copied to results/SET. Each section of
its report page is photographed in Chromium, as screenshots/SET-SECTION.png, and the page as a phone shows it in the
dark. The README and the docs show docs/images/ladder_SET.svg, a ladder alone, and ladder_page_SET.png, the top of its
page.
"""

import argparse
import json
import shutil
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from hardneg.drawing.figure import standalone
from hardneg.reports.figures_of_quality import ladder
from hardneg.reports.read_ladder import read_ladder

HERE = Path(__file__).parent
SETS = ("scifact", "nl2bash", "obliqa", "stdlib")
DOCS = HERE.parents[1] / "docs" / "images"
TALLEST, MARGIN = 1_600, 20


def keep(runs: Path, name: str) -> None:
    """Copy what a ladder found, without where it lay."""
    place = HERE / "results" / name
    place.mkdir(parents=True, exist_ok=True)
    found = json.loads((runs / name / "ladder.json").read_text())
    (place / "ladder.json").write_text(json.dumps(found | {"folder": name}, indent=1).replace(str(runs), "RUNS") + "\n")
    shutil.copy(runs / name / "per_query.parquet", place)


def photograph(page: Page, name: str) -> None:
    """Take a picture of each section, none taller than a few screens."""
    for section in page.locator("main > section").all():
        key = (section.get_attribute("id") or "summary").removeprefix("section-")
        box = section.bounding_box()
        if box is None:
            continue
        size = {"width": box["width"] + 2 * MARGIN, "height": min(box["height"], TALLEST)}
        clip = {"x": box["x"] - MARGIN, "y": box["y"], **size}
        page.screenshot(path=HERE / "screenshots" / f"{name}-{key}.png", clip=clip, full_page=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path)
    parser.add_argument("--sets", nargs="+", default=list(SETS), choices=SETS)
    parser.add_argument("--chromium", default="/usr/bin/chromium", help="the browser")
    options = parser.parse_args()
    (HERE / "screenshots").mkdir(exist_ok=True)
    DOCS.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=options.chromium)
        for name in options.sets:
            keep(options.runs, name)
            address = (options.runs / name / "report.html").resolve().as_uri()
            page = browser.new_page(viewport={"width": 860, "height": 1_000})
            page.goto(address)
            page.screenshot(path=DOCS / f"ladder_page_{name}.png")
            photograph(page, name)
            phone = browser.new_page(viewport={"width": 390, "height": 844}, color_scheme="dark")
            phone.goto(address)
            phone.screenshot(path=HERE / "screenshots" / f"{name}-phone.png")
        browser.close()
    for name in options.sets:
        found = read_ladder(HERE / "results" / name)
        if found is not None:
            (DOCS / f"ladder_{name}.svg").write_text(standalone(ladder(found)), encoding="utf-8")


if __name__ == "__main__":
    main()
