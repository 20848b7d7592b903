"""The page in another language."""

from __future__ import annotations

import json
import re

import pytest
from playwright.sync_api import Page, expect
from visiting import Server

from webui.languages.catalogues import SAID, words_of

PAGES = ("txt2img", "img2img", "inpaint", "upscale", "history", "models", "extensions", "train", "settings", "system")
# Text that is shown, and titles, each as one string. Prompts, names and numbers are left out by their classes.
SHOWN = """() => {
  const own = "textarea, script, style, .mono, .num, kbd, option, .ez-example, .ez-ckpt"
    + ", .ez-card.ez-model, .ez-ext, [data-name], .ez-versions, pre";
  const found = new Set();
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walk.nextNode(); node; node = walk.nextNode()) {
    const element = node.parentElement;
    if (!element.closest(own) && element.checkVisibility()) found.add(node.textContent.trim().replace(/\\s+/g, " "));
  }
  for (const element of document.querySelectorAll("[title], [aria-label], [placeholder]")) {
    if (element.closest(own) || !element.checkVisibility()) continue;
    for (const name of ["title", "aria-label", "placeholder"]) if (element.getAttribute(name)) found.add(element.getAttribute(name));
  }
  return [...found].filter((text) => /[A-Za-z]{3}/.test(text));
}"""
# What German calls the same, or what add-ons declare.
SAME = re.compile(
    r"^(Easel|More tabs|txt2img|img2img|Inpaint|Prompt|Sampler|Seed|Hires|Refiner|Test|System|Details|Stil|Film|Live|Wildcards|Styles"
    r"|Image to prompt|VAE|LoRA|CFG|Karras|Lanczos|.*(emoji|DPM|Euler|fake|safetensors|\\.png|https?:).*)$"
)


def test_a_german_browser_gets_a_german_page(new_visitor, server: Server) -> None:
    page = new_visitor(server, locale="de-DE").context.new_page()
    page.goto(server.url)
    expect(page.locator("#ez-generate")).to_have_text("Erzeugen")
    expect(page.locator("html")).to_have_attribute("lang", "de")
    expect(page.get_by_text("Negativer Prompt").first).to_be_visible()
    page.get_by_role("button", name="Einstellungen", exact=True).first.click()
    expect(page.locator('.ez-setting[data-name="language"]')).to_contain_text("Sprache der Seite")


@pytest.mark.slow
def test_no_page_shows_english_words_in_german(new_visitor, server: Server) -> None:
    page = new_visitor(server, locale="de-DE").context.new_page()
    page.goto(server.url)
    expect(page.locator("#ez-generate")).to_have_text("Erzeugen")
    words, _ = words_of("de")
    said, _ = words_of("de", SAID)
    # Words that have a German form which is another one.
    english = {text for text, forms in {**words, **said}.items() if forms[0] != text}
    told: dict[str, list[str]] = {}
    for name in PAGES:
        page.evaluate(f"location.hash = {json.dumps('#' + name)}")
        page.wait_for_timeout(800)
        _open_sections(page)
        told[name] = sorted(text for text in page.evaluate(SHOWN) if text in english and not SAME.match(text))
    assert {name: found for name, found in told.items() if found} == {}


def _open_sections(page: Page) -> None:
    for head in page.locator("button.label-wrap:not(.open):visible").all():
        head.click()


def test_a_language_is_chosen_in_this_browser_alone(new_visitor, server: Server) -> None:
    visitor = new_visitor(server, locale="de-DE")
    page = visitor.context.new_page()
    page.goto(f"{server.url}/#settings")
    page.locator("#ez-browser-language").select_option("en")
    # Once it is drawn: Gradio says what the browser speaks when it begins.
    expect(page.locator("#ez-browser")).to_contain_text("This browser")
    expect(page.locator("html")).to_have_attribute("lang", "en")
    page.locator("#ez-browser-language").select_option("")
    expect(page.locator("#ez-browser")).to_contain_text("Dieser Browser")
    expect(page.locator("html")).to_have_attribute("lang", "de")


@pytest.mark.slow
@pytest.mark.parametrize("locale", ["en-US", "de-DE"])
def test_all_pages_are_in_reach_of_a_wide_window(new_visitor, server: Server, locale: str) -> None:
    page = new_visitor(server, locale=locale).context.new_page()
    page.goto(server.url)
    for name in PAGES[:-2]:
        expect(page.locator(f"#ez-page-{name}-button")).to_be_in_viewport()
    for name in PAGES[-2:]:
        page.locator(f".ez-open-{name}").click()
        expect(page.locator(f".ez-open-{name}")).to_have_attribute("aria-current", "page")
        expect(page.locator(f"#ez-{name}")).to_be_visible()
