"""What a person does on the page, in words of the page."""

from __future__ import annotations

from playwright.sync_api import Locator, Page, expect


def prompt(page: Page) -> Locator:
    return page.get_by_label("Prompt", exact=True)


def field(page: Page, name: str) -> Locator:
    """The input of a request field."""
    return page.locator(f"#ez-field-{name} input, #ez-field-{name} textarea").first


def generate(page: Page, words: str, *, pictures: int = 1, steps: int | None = None) -> None:
    prompt(page).fill(words)
    field(page, "batch_count").fill(str(pictures))
    if steps is not None:
        field(page, "steps").fill(str(steps))
    page.locator("#ez-generate").click()


def stage_picture(page: Page) -> Locator:
    """The finished picture on the stage."""
    return page.locator("#ez-stage .ez-center:has(.ez-actions) .ez-frame img")


def expect_picture(page: Page, words: str) -> None:
    expect(page.locator("#ez-stage .ez-progress")).to_have_count(0)
    expect(stage_picture(page)).to_have_attribute("alt", words)


def open_history(page: Page) -> None:
    tab = page.get_by_role("tab", name="History")
    if not tab.count():  # in a narrow window it is behind the three dots
        page.locator(".overflow-menu > button").click()
        tab = page.locator(".overflow-menu").get_by_text("History")
    tab.click()
    expect(page.locator("#ez-history .ez-cell").first).to_be_visible()


def no_sideways_scroll(page: Page) -> bool:
    return page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def make(page: Page, words: str, *, pictures: int = 1, side: int = 64) -> list[str]:
    """Makes pictures without the page's own fields. Returns their ids, oldest first."""
    return page.evaluate(
        """async ([prompt, pictures, side]) => {
            const body = JSON.stringify({prompt, steps: 1, width: side, height: side, batch_count: pictures});
            const sent = await fetch('/api/v1/jobs', {method: 'POST', headers: {'Content-Type': 'application/json'}, body});
            const {id} = await sent.json();
            for (;;) {
                const job = await (await fetch(`/api/v1/jobs/${id}`, {cache: 'no-store'})).json();
                if (job.status === 'done') return job.images.map((image) => image.id);
                await new Promise((resolve) => setTimeout(resolve, 50));
            }
        }""",
        [words, pictures, side],
    )


def search_box(page: Page) -> Locator:
    return page.get_by_role("combobox", name="Search history")


def search_for(page: Page, text: str) -> None:
    """Opens History and searches for that alone; what is typed there becomes chips."""
    page.get_by_role("tab", name="History").click()
    clear = page.get_by_role("button", name="Clear the search")
    expect(search_box(page)).to_be_visible()
    if clear.is_visible():
        clear.click()
    search_box(page).fill(text)
    search_box(page).press("Enter")
    expect(search_box(page)).to_have_value("")


def cell(page: Page, identifier: str) -> Locator:
    """A picture in the grid of History."""
    return page.locator(f'#ez-history .ez-cell[data-id="{identifier}"]')
