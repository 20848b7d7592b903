"""Fooocus's log.html as the source of what its pictures were made by."""

from __future__ import annotations

import json
import urllib.parse
from pathlib import Path

import pytest
from PIL import Image

from webui.studio.fooocus_log import FooocusLogs, read_log
from webui.studio.foreign_picture import NotOurs, read_foreign

PROMPT = "a <b>castle</b> & 'moat'\non a hill"
TOLD = {
    "prompt": PROMPT,
    "negative_prompt": "blurry",
    "styles": "['Fooocus V2']",
    "performance": "Speed",
    "steps": 30,
    "resolution": "(1152, 896)",
    "guidance_scale": 4,
    "sharpness": 2,
    "adm_guidance": "(1.5, 0.8, 0.3)",
    "base_model": "juggernautXL_v8.safetensors",
    "refiner_model": "None",
    "sampler": "dpmpp_2m_sde_gpu",
    "scheduler": "karras",
    "seed": "812345678901",
    "lora_combined_1": "sd_xl_offset_example-lora_1.0.safetensors : 0.1",
    "version": "Fooocus v2.5.5",
}
LABELS = {
    "Prompt": PROMPT,
    "Negative Prompt": "blurry",
    "Resolution": "(1152, 896)",
    "Guidance Scale": "4",
    "Base Model": "juggernautXL_v8.safetensors",
    "Sampler": "dpmpp_2m_sde_gpu",
    "Scheduler": "karras",
    "Seed": "812345678901",
    "LoRA [Sd_XL-lora.safetensors] weight": "0.25",
    "Version": "v2.1.865",
}


def escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace("\n", " </br> ")


def entry(name: str, rows: dict[str, str], copied: dict[str, object] | None) -> str:
    """A picture in a log, as Fooocus writes it."""
    table = "".join(f"<tr><td class='label'>{key}</td><td class='value'>{escaped(value)}</td></tr>\n" for key, value in rows.items())
    text = urllib.parse.quote(json.dumps(copied, indent=0), safe="") if copied else ""
    button = f"<button onclick=\"to_clipboard('{text}')\">Copy to Clipboard</button>" if copied else ""
    return (
        f'<div id="{name.replace(".", "_")}" class="image-container"><hr><table><tr>\n'
        f"<td><a href=\"{name}\" target=\"_blank\"><img src='{name}' onerror=\"this.closest('.image-container').style.display='none';\""
        f" loading='lazy'/></a><div>{name}</div></td><td><table class='metadata'>{table}</table>{button}</td></tr></table></div>\n\n"
    )


def log(*entries: str) -> str:
    return f"<!DOCTYPE html><html><head><title>Fooocus Log</title></head><body><p>Fooocus Log</p>{''.join(entries)}</body></html>"


@pytest.mark.parametrize(
    ("rows", "copied", "lora"),
    [
        ({"Prompt": "what the table says"}, TOLD, "sd_xl_offset_example-lora_1.0"),
        (LABELS, None, "Sd_XL-lora"),
        ({}, {**LABELS}, "Sd_XL-lora"),
    ],
)
def test_a_picture_without_parameters_has_those_of_the_log(
    tmp_path: Path, rows: dict[str, str], copied: dict[str, object] | None, lora: str
) -> None:
    name = "2024-01-01_12-00-00_1234.png"
    Image.new("RGB", (64, 64), "red").save(tmp_path / name)
    data = (tmp_path / name).read_bytes()
    (tmp_path / "log.html").write_text(log(entry("other.png", {"Prompt": "another one"}, None), entry(name, rows, copied)), "utf-8")
    logs = FooocusLogs()
    made = read_foreign(data, name, logs.says(tmp_path / name))
    assert made.tool == "Fooocus"
    assert made.row["prompt"].startswith("a <b>castle</b> & 'moat'")
    assert "on a hill" in made.row["prompt"]
    assert (made.row["negative_prompt"], made.row["checkpoint"], made.row["cfg_scale"]) == ("blurry", "juggernautXL_v8", 4.0)
    assert (made.row["width"], made.row["height"], made.row["seed"]) == (1152, 896, 812345678901)
    assert (made.row["sampler"], made.row["schedule_type"]) == ("DPM++ 2M SDE", "Karras")
    assert list(made.loras) == [lora]
    # One that the log doesn't know says nothing.
    with pytest.raises(NotOurs):
        read_foreign(data, "strange.png", logs.says(tmp_path / "strange.png"))


def test_a_log_that_grew_is_read_again(tmp_path: Path) -> None:
    logs = FooocusLogs()
    path = tmp_path / "log.html"
    assert logs.says(tmp_path / "a.png") == ""
    path.write_text(log(entry("a.png", {"Prompt": "first"}, None)))
    assert json.loads(logs.says(tmp_path / "a.png"))["prompt"] == "first"
    path.write_text(log(entry("a.png", {"Prompt": "first"}, None), entry("b.png", {"Prompt": "second"}, None)))
    assert json.loads(logs.says(tmp_path / "b.png"))["prompt"] == "second"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<div class='image-container'>",
        log(entry("a.png", {}, None)),
        log(entry("", {"Prompt": "x"}, None)),
        "<div class='image-container'><img src='a.png'><button onclick=\"to_clipboard('%7B%7B')\">",
        "\0" * 100,
        "<" * 10_000,
    ],
)
def test_whatever_a_log_holds_is_left_out_where_it_makes_no_sense(text: str) -> None:
    assert read_log(text) == {}
