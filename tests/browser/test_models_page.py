"""The Models page, quick settings, and LoRAs that go into the prompt with a click."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable, Iterator

import model_files as files
import pytest
from easel_page import expect_picture, field, generate, no_sideways_scroll, prompt
from model_files import write_safetensors
from PIL import Image
from playwright.sync_api import Locator, Page, expect
from small_checkpoint import SHIPPED_CHECKPOINT
from visiting import Server, Visitor

EVIL = "neon <img src=x onerror=alert(1)>"
FOX = SHIPPED_CHECKPOINT / "examples" / "fox.png"
MANY = 400
NAMELESS = """() => [...document.querySelectorAll('#ez-models :is(button, input, textarea, select, [role=switch], [role=radio], a)')]
    .filter((element) => element.checkVisibility())
    .filter((element) => !(element.ariaLabel || element.textContent.trim() || element.labels?.length || element.title))
    .map((element) => element.outerHTML.slice(0, 200))"""
MODULE = """Promise.all([...document.querySelectorAll('link[rel=modulepreload]')]
    .filter((link) => link.href.endsWith('/prompt-tags.js')).map((link) => import(link.href)))"""


@pytest.fixture(scope="module")
def stocked(new_server: Callable[..., Server]) -> Iterator[Server]:
    """A server with LoRAs, an embedding, a VAE and a broken checkpoint."""
    server = new_server()
    loras = server.folder / "models" / "loras"
    for name, words, weight in (("wool", ["wool", "knitted"], 0.7), (EVIL, ["<b>x</b>"], None), ("plain", [], None)):
        path = write_safetensors(
            loras / f"{name}.safetensors", files.kohya_lora(), {"modelspec.description": "<i>soft</i> <img src=x onerror=alert(2)>"}
        )
        told = {"activation text": ", ".join(words), "notes": f"About {name}"} | ({"preferred weight": weight} if weight else {})
        path.with_suffix(".json").write_text(json.dumps(told))
    path.with_suffix(".png").write_bytes(FOX.read_bytes())
    for number in range(MANY):
        write_safetensors(loras / "zz" / f"many-{number:03}.safetensors", files.kohya_lora())
    write_safetensors(server.folder / "models" / "embeddings" / "EasyNegative.safetensors", {"emb_params": (8, 768)})
    write_safetensors(server.folder / "models" / "vae" / "bright.safetensors", files.vae())
    look = urllib.request.Request(f"{server.url}/api/v1/models/refresh", b"{}", {"Content-Type": "application/json"})
    urllib.request.urlopen(look, timeout=30).close()
    yield server


@pytest.fixture
def models(new_visitor: Callable[..., Visitor], stocked: Server) -> Page:
    return open_models(new_visitor(stocked).open())


def open_models(page: Page) -> Page:
    page.get_by_role("tab", name="Models").click()
    expect(card(page, "small")).to_be_visible()
    return page


def card(page: Page, name: str) -> Locator:
    return page.locator(".ez-model", has=page.locator(".ez-model-name b", has_text=name))


def show(page: Page, kind: str) -> None:
    page.locator("#ez-models").get_by_role("tab", name=kind).click()


def sheet(page: Page) -> Locator:
    return page.locator("#ez-models .ez-side")


def details(page: Page, name: str) -> Locator:
    card(page, name).get_by_role("button", name="All about").click()
    expect(sheet(page).locator(".ez-head")).to_contain_text(name)
    return sheet(page)


def undo(page: Page) -> None:
    page.locator(".ez-toast").last.get_by_role("button", name="Undo").click()


def test_use_switches_takes_the_defaults_and_brings_it_into_memory(models: Page) -> None:
    expect(card(models, "easel-emoji")).to_contain_text("In use")
    card(models, "small").get_by_role("button", name="Use", exact=True).click()
    expect(card(models, "small")).to_contain_text("In use")
    expect(card(models, "small")).to_contain_text("In memory")
    expect(models.locator("#ez-field-checkpoint input")).to_have_value("small")
    expect(models.locator(".ez-memory .ez-lane i").first).to_contain_text("Denoiser small")
    undo(models)
    expect(card(models, "easel-emoji")).to_contain_text("In use")
    card(models, "easel-emoji").get_by_role("button", name="All about").click()
    sheet(models).get_by_role("button", name="Use", exact=True).wait_for(state="detached")
    card(models, "small").get_by_role("button", name="Use", exact=True).click()
    models.get_by_role("tab", name="txt2img").click()
    expect(field(models, "steps")).to_have_value("7")


@pytest.mark.slow
def test_memory_shows_what_is_shared_and_lets_go(models: Page) -> None:
    for name in ("small", "easel-emoji"):
        details(models, name)
        if sheet(models).get_by_role("button", name="Use", exact=True).count():
            sheet(models).get_by_role("button", name="Use", exact=True).click()
        models.evaluate(
            "id => fetch(`/api/v1/models/${id}/preload`, {method: 'POST', headers: {'Content-Type': 'application/json'}, body: '{}'})",
            card(models, name).get_attribute("data-id"),
        )
        expect(card(models, name)).to_contain_text("In memory")
    expect(models.locator(".ez-memory")).to_contain_text("2 checkpoints at hand; sharing saves 2 MB.")
    models.get_by_role("button", name="All parts").click()
    expect(models.locator(".ez-parts tbody tr")).to_have_count(5)
    expect(models.locator(".ez-parts")).to_contain_text("easel-emoji, small shared")
    details(models, "small").get_by_role("button", name="Unload").click()
    expect(card(models, "small")).to_contain_text("On disk")
    expect(models.locator(".ez-parts tbody tr")).to_have_count(3)
    models.get_by_role("button", name="Unload all").click()
    expect(models.locator(".ez-memory")).to_contain_text("No weights are in memory")


def test_a_lora_goes_into_the_prompt_with_a_click_and_out_again(models: Page) -> None:
    models.get_by_role("tab", name="txt2img").click()
    prompt(models).fill("a fox")
    open_models(models)
    show(models, "LoRA")
    card(models, "wool").click()
    expect(card(models, "wool")).to_contain_text("In prompt")
    expect(models.locator(".ez-toast").last).to_contain_text("With wool, knitted.")
    expect(prompt(models)).to_have_value("a fox, wool, knitted <lora:wool:0.7>")
    card(models, "wool").click()
    expect(prompt(models)).to_have_value("a fox")
    undo(models)
    expect(prompt(models)).to_have_value("a fox, wool, knitted <lora:wool:0.7>")
    card(models, "plain").click()
    expect(prompt(models)).to_have_value("a fox, wool, knitted <lora:wool:0.7> <lora:plain:1>")
    show(models, "Embeddings")
    card(models, "EasyNegative").click()
    expect(prompt(models)).to_have_value("a fox, wool, knitted <lora:wool:0.7> <lora:plain:1>, EasyNegative")
    models.get_by_role("tab", name="txt2img").click()
    expect(models.locator("#ez-inspector")).to_contain_text("2 LoRAs")


@pytest.mark.slow
def test_the_sheet_beside_the_prompt_inserts_and_weighs(models: Page) -> None:
    models.get_by_role("tab", name="txt2img").click()
    models.locator("#ez-inspector").get_by_role("button", name="LoRA").click()
    networks = models.locator(".ez-sheet")
    networks.get_by_label("Search LoRA and embeddings").fill("knitted")
    expect(networks.locator(".ez-network")).to_have_count(1)
    networks.get_by_role("button", name="wool").click()
    expect(prompt(models)).to_have_value("wool, knitted <lora:wool:0.7>")
    weight = networks.get_by_label("Weight of wool")
    weight.fill("0.4")
    weight.press("Enter")
    expect(prompt(models)).to_have_value("wool, knitted <lora:wool:0.4>")
    networks.get_by_role("button", name="wool").click()
    expect(prompt(models)).to_have_value("")


@pytest.mark.slow
def test_names_and_notes_are_text(models: Page) -> None:
    show(models, "LoRA")
    about = details(models, EVIL)
    expect(card(models, EVIL)).to_contain_text("<b>x</b>")
    expect(about.get_by_label("Trigger words", exact=True)).to_have_value("<b>x</b>")
    expect(about.locator(".ez-model-description")).to_have_text("soft")
    about.get_by_label("Notes").fill("<img src=x onerror=alert(3)>")
    about.get_by_label("Notes").blur()
    expect(models.locator(".ez-toast").last).to_contain_text("Notes saved")
    assert models.locator("img[src='x']").count() == 0
    undo(models)
    expect(about.get_by_label("Notes")).to_have_value(f"About {EVIL}")


@pytest.mark.slow  # the hash is made in the background, gently
def test_a_name_that_would_end_its_tag_is_written_as_the_hash(models: Page) -> None:
    show(models, "LoRA")
    expect(card(models, EVIL)).to_be_visible()
    models.wait_for_function(
        "id => fetch(`/api/v1/models/${id}`).then((r) => r.json()).then((m) => m.hash)", arg=card(models, EVIL).get_attribute("data-id")
    )
    models.reload()
    expect(card(models, EVIL)).to_be_visible()
    card(models, EVIL).click()
    models.wait_for_function("/<lora:[0-9a-f]{12}:1>/.test(document.querySelector('#ez-field-prompt textarea').value)")
    expect(card(models, EVIL)).to_contain_text("In prompt")


@pytest.mark.slow
def test_words_weight_and_switch_are_written_beside_the_file(models: Page, stocked: Server) -> None:
    show(models, "LoRA")
    about = details(models, "plain")
    about.get_by_label("Trigger words", exact=True).fill("plainly, so")
    about.get_by_label("Trigger words", exact=True).blur()
    expect(card(models, "plain")).to_contain_text("plainly, so")
    about.get_by_label("Preferred weight").fill("0.5")
    about.get_by_label("Preferred weight").blur()
    expect(about).to_contain_text("<lora:plain:0.5>")
    switch = about.get_by_role("switch", name="Insert them with it")
    expect(switch).to_be_checked()
    switch.click()
    expect(switch).not_to_be_checked()
    said = json.loads((stocked.folder / "models" / "loras" / "plain.json").read_text())
    assert said == {
        "activation text": "plainly, so",
        "notes": "About plain",
        "preferred weight": 0.5,
        "easel": {"insert trigger words": False},
    }
    card(models, "plain").click()
    expect(prompt(models)).to_have_value("<lora:plain:0.5>")


@pytest.mark.slow
def test_what_the_fields_say_becomes_a_checkpoints_defaults(models: Page, stocked: Server) -> None:
    models.get_by_role("tab", name="txt2img").click()
    field(models, "steps").fill("13")
    field(models, "negative_prompt").fill("blurry")
    field(models, "cfg_scale").fill("4.5")
    open_models(models)
    about = details(models, "small")
    about.get_by_role("button", name="Use these as defaults").click()
    expect(about).to_contain_text("set by you")
    said = json.loads((stocked.folder / "models" / "checkpoints" / "small.json").read_text())["easel"]["defaults"]
    assert (said["steps"], said["cfg_scale"], said["negative_prompt"]) == (13, 4.5, "blurry")
    assert not {"prompt", "seed", "checkpoint", "batch_count"} & said.keys()
    models.get_by_role("tab", name="txt2img").click()
    field(models, "steps").fill("30")
    field(models, "negative_prompt").fill("")
    open_models(models)
    card(models, "small").get_by_role("button", name="Use", exact=True).click()
    models.get_by_role("tab", name="txt2img").click()
    expect(field(models, "steps")).to_have_value("13")
    expect(field(models, "negative_prompt")).to_have_value("blurry")
    open_models(models)
    expect(sheet(models)).to_contain_text("set by you")
    sheet(models).get_by_role("button", name="Reset").click()
    expect(sheet(models)).to_contain_text("its own")
    undo(models)
    expect(sheet(models)).to_contain_text("set by you")
    sheet(models).get_by_role("button", name="Reset").click()
    expect(sheet(models)).to_contain_text("its own")


@pytest.mark.slow
def test_a_preview_comes_from_a_file_or_the_history(models: Page, stocked: Server) -> None:
    models.get_by_role("tab", name="txt2img").click()
    field(models, "width").fill("64")
    field(models, "height").fill("96")
    generate(models, "a preview to be", steps=1)
    expect_picture(models, "a preview to be")
    open_models(models)
    about = details(models, "small")
    expect(about).to_contain_text("Drop a picture here")
    with models.expect_file_chooser() as chooser:
        about.get_by_role("button", name="From a file").click()
    chooser.value.set_files(FOX)
    expect(about.get_by_role("img", name="Preview of small")).to_be_visible()
    expect(card(models, "small").locator("img.pic")).to_be_visible()
    first = about.get_by_role("img", name="Preview of small").get_attribute("src")
    about.get_by_role("button", name="From history").click()
    about.get_by_role("button", name="Use as preview: a preview to be").first.click()
    expect(about.get_by_role("img", name="Preview of small")).not_to_have_attribute("src", first or "")
    written = stocked.folder / "models" / "checkpoints" / "small.preview.png"
    with Image.open(written) as picture:
        assert picture.size == (64, 96)
    undo(models)
    models.wait_for_function("() => document.querySelector('.ez-preview-place img').naturalHeight === 128")
    with Image.open(written) as picture:
        assert picture.size == (128, 128)
    written.unlink()
    expect(about).to_contain_text("Drop a picture here")


@pytest.mark.slow
def test_hundreds_are_drawn_as_one_scrolls_and_are_one_stop_for_tab(models: Page) -> None:
    show(models, "LoRA")
    expect(card(models, "many-000")).to_be_visible()
    assert models.locator(".ez-model").count() < 100
    models.locator("#ez-models .ez-page").evaluate("page => page.scrollTo(0, page.scrollHeight)")
    expect(card(models, "many-399")).to_be_visible()
    assert models.locator(".ez-model").count() < 100
    assert models.locator('.ez-model[tabindex="0"]').count() <= 1
    models.locator("#ez-models .ez-page").evaluate("page => page.scrollTo(0, 0)")
    models.locator('.ez-model[data-index="0"]').focus()
    models.keyboard.press("ArrowRight")
    expect(models.locator('.ez-model[data-index="1"]')).to_be_focused()
    models.keyboard.press("ArrowDown")
    columns = models.evaluate("Number(document.activeElement.dataset.index)") - 1
    assert columns > 2
    models.keyboard.press("End")
    expect(card(models, "many-399")).to_be_focused()
    models.keyboard.press("Enter")
    expect(card(models, "many-399")).to_contain_text("In prompt")
    expect(card(models, "many-399")).to_be_focused()
    models.keyboard.press("i")
    expect(sheet(models)).to_be_visible()
    models.keyboard.press("Escape")
    expect(sheet(models)).to_be_hidden()
    expect(card(models, "many-399")).to_be_focused()
    models.keyboard.press("Home")
    expect(models.locator('.ez-model[data-index="0"]')).to_be_focused()


@pytest.mark.slow
def test_searching_filtering_sizes_and_a_reload(models: Page) -> None:
    show(models, "LoRA")
    models.get_by_label("Search models").fill("knitted")
    expect(models.locator(".ez-model")).to_have_count(1)
    expect(models.locator("#ez-models").get_by_role("tab", name="LoRA")).to_contain_text("1")
    models.get_by_label("Search models").fill("no such thing")
    expect(models.locator("#ez-models .ez-empty")).to_contain_text("Nothing here fits")
    models.get_by_role("button", name="Clear filters").click()
    folder = models.get_by_label("Folder")
    folder.select_option(label=next(text for text in folder.locator("option").all_inner_texts() if "zz" in text))
    expect(models.locator('.ez-model[data-index="0"]')).to_contain_text("many-000")
    models.get_by_label("Folder").select_option("")
    models.get_by_label("Sort").select_option("name")
    wide = models.locator('.ez-model[data-index="0"]').evaluate("card => card.offsetWidth")
    models.get_by_role("radio", name="L", exact=True).click()
    models.wait_for_function("wide => document.querySelector('.ez-model[data-index=\"0\"]').offsetWidth > wide", arg=wide)
    models.reload()
    expect(models.locator("#ez-models").get_by_role("tab", name="LoRA")).to_have_attribute("aria-selected", "true")
    expect(models.get_by_role("radio", name="L", exact=True)).to_be_checked()
    expect(models.get_by_label("Sort")).to_have_value("name")
    show(models, "Upscalers")
    expect(models.locator("#ez-models .ez-empty")).to_contain_text("There is no upscaler yet")
    assert models.locator("#ez-models .ez-empty button").count() == 1


@pytest.mark.slow
def test_what_cannot_be_used_says_why(models: Page) -> None:
    models.locator(".ez-model-note").get_by_role("button", name="Show").click()
    expect(models.locator(".ez-model")).to_have_count(1)
    expect(card(models, "broken")).to_contain_text("Can't be used")
    card(models, "broken").click()
    expect(sheet(models).locator(".ez-note.bad")).to_contain_text("web page")
    assert models.evaluate(NAMELESS) == []
    models.get_by_role("button", name="Show all").click()
    expect(card(models, "small")).to_be_visible()


@pytest.mark.slow
def test_a_file_that_comes_or_goes_is_shown(models: Page, stocked: Server) -> None:
    show(models, "VAE")
    expect(card(models, "bright")).to_be_visible()
    path = write_safetensors(stocked.folder / "models" / "vae" / "late.safetensors", files.vae())
    expect(card(models, "late")).to_be_visible()
    card(models, "late").get_by_role("button", name="Use", exact=True).click()
    expect(models.locator(".ez-quick-button")).to_have_attribute("aria-label", "VAE late, clip skip 1")
    undo(models)
    path.unlink()
    expect(card(models, "late")).to_have_count(0)


@pytest.mark.slow
def test_quick_settings_are_the_fields(models: Page) -> None:
    models.locator(".ez-quick-button").click()
    panel = models.get_by_role("dialog", name="VAE and clip skip")
    panel.get_by_role("button", name="Clip skip more").click()
    expect(panel.locator("output")).to_have_text("2")
    expect(panel.locator("#ez-quick-vae option", has_text="bright")).to_be_attached()
    panel.get_by_label("VAE").select_option("bright")
    models.keyboard.press("Escape")
    expect(panel).to_be_hidden()
    expect(models.locator(".ez-quick-button")).to_be_focused()
    models.get_by_role("tab", name="txt2img").click()
    models.get_by_role("button", name="Sampling details").click()
    expect(field(models, "clip_skip")).to_have_value("2")
    expect(field(models, "vae")).to_have_value("bright")
    models.reload()
    expect(models.locator(".ez-quick-button")).to_have_attribute("aria-label", "VAE bright, clip skip 2")


@pytest.mark.slow
def test_it_fits_a_telephone(new_visitor: Callable[..., Visitor], stocked: Server) -> None:
    page = new_visitor(stocked, viewport={"width": 390, "height": 800}).open()
    page.get_by_role("button", name="More tabs").click()
    page.get_by_role("button", name="Models", exact=True).click()
    expect(card(page, "small")).to_be_visible()
    assert no_sideways_scroll(page)
    page.keyboard.press("1")
    expect(page.locator("#ez-generate")).to_be_visible()
    page.keyboard.press("6")
    expect(card(page, "small")).to_be_visible()
    details(page, "small")
    assert no_sideways_scroll(page)
    sheet(page).get_by_role("button", name="Close").click()
    page.locator(".ez-quick-button").click()
    expect(page.get_by_role("dialog", name="VAE and clip skip")).to_be_visible()
    assert no_sideways_scroll(page)


@pytest.mark.slow
def test_tags_in_prompts(models: Page) -> None:
    """What goes in comes out again, whatever stands around it."""
    cases = [
        ("", "wool <lora:w:1>"),
        ("a fox", "a fox, wool <lora:w:1>"),
        ("a fox,", "a fox, wool <lora:w:1>"),
        ("a fox AND a cat :0.5", "a fox AND a cat, wool <lora:w:1> :0.5"),
        ("a fox # red", "a fox # red\nwool <lora:w:1>"),
        ("a wool fox", "a wool fox <lora:w:1>"),
    ]
    for before, after in cases:
        told = models.evaluate(
            f"""async (before) => {{ const [tags] = await {MODULE};
                const after = tags.added(before, {{words: ["wool"], tag: "<lora:w:1>"}});
                return [after, tags.without(after, tags.tagsIn(after)), tags.tagsIn("# " + after).length]; }}""",
            before,
        )
        assert told[0] == after
        assert told[1] == after.replace(" <lora:w:1>", "").rstrip()
        assert told[2] == (1 if "\n" in after else 0), "what stands in a comment is not there"
    weighed = models.evaluate(
        f"""async () => {{ const [tags] = await {MODULE}; const text = "x <lora:Ä b:te=1:unet=0.5> y";
            return [tags.tagsIn(text)[0].name, tags.reweighed(text, tags.tagsIn(text)[0], 0.3)]; }}"""
    )
    assert weighed == ["ä b", "x <lora:Ä b:0.3> y"]
