"""Prompts from a file, as an add-on."""

import pytest
from easel_prompts_from_file import web
from easel_prompts_from_file.lines import MOST_LINES, WITHOUT_EFFECT, joined, read_lines

from webui.errors import InvalidRequest
from webui.generation.request import Txt2Img
from webui.testing import AddOnStudio, Played, play

SCRIPT = web.job_scripts()
ALL_OF_A1111 = (
    '--sd_model easel-ink --outpath_samples out --outpath_grids out --prompt_for_display x --prompt "a \\"red\\" fox" '
    '--negative_prompt "grey" --styles "" --seed 3 --subseed_strength 0.5 --subseed 9 --seed_resize_from_h 512 --seed_resize_from_w 256 '
    '--sampler_index 1 --sampler_name "Euler a" --batch_size 2 --n_iter 3 --steps 7 --cfg_scale 4.5 --width 256 --height 320 '
    "--restore_faces false --tiling true --do_not_save_samples true --do_not_save_grid true"
)


def played(text: str, request: dict | None = None, **values: str) -> Played:
    return play(SCRIPT, {"prompt": "calm", "seed": 5, "steps": 20, **(request or {})}, {"prompts": text, **values})


def test_every_option_of_automatic1111_is_read() -> None:
    (line,) = read_lines(ALL_OF_A1111)
    assert set(line.left_out) == set(WITHOUT_EFFECT)
    (one,) = played(ALL_OF_A1111).requests
    assert isinstance(one, Txt2Img)
    expected = {
        "checkpoint": "easel-ink", "prompt": 'a "red" fox', "negative_prompt": "grey", "seed": 3, "variation_strength": 0.5, "styles": (),
        "variation_seed": 9, "seed_resize_from": "256x512", "sampler": "Euler a", "batch_size": 2, "batch_count": 3, "steps": 7,
        "cfg_scale": 4.5, "width": 256, "height": 320, "tiling": "X and Y",
    }  # fmt: skip
    assert {name: getattr(one, name) for name in expected} == expected


def test_lines_are_prompts_or_options() -> None:
    told = played('a fox\n\n# no\n  --prompt "an owl" --hires on --clip-skip=2\n- a dash')
    assert [one.prompt for one in told.requests] == ["a fox", "an owl", "- a dash"]
    assert (told.requests[1].hires, told.requests[1].clip_skip, told.requests[1].seed) == (True, 2, 5)  # type: ignore[union-attr]
    assert [part.label for part in told.parts] == ["Line 1: a fox", "Line 4: an owl", "Line 5: - a dash"]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("--steps", "Line 2: --steps has no value"),
        ("--steps many", "Line 2: --steps can't be 'many'"),
        ("--steps 9000", "Line 2: "),
        ("--moon 1", "Line 2: there is no option --moon"),
        ("--init_image " + "0" * 64, "Line 2: there is no option --init_image"),
        ("--extensions {}", "Line 2: there is no option"),
        ('--prompt "a fox', "Line 2: a quotation mark"),
        ("--prompt a fox", "Line 2: 'fox' stands where an option should"),
        ("--hires maybe", "Line 2: --hires can't be"),
        ("--mask_blur 3", "Line 2: mask_blur is no field of txt2img"),
        ("--sampler_name Moon", "Line 2: "),
    ],
)
def test_what_cannot_be_read_is_told_with_its_line(line: str, said: str) -> None:
    with pytest.raises(InvalidRequest) as told:
        played(f"good\n{line}")
    assert told.value.message.startswith(said)
    assert told.value.field == "prompts" and told.value.hint


def test_no_lines_and_too_many_are_told() -> None:
    for text in ("", " \n# only a comment", "x\n" * (MOST_LINES + 1)):
        with pytest.raises(InvalidRequest):
            played(text)
    assert SCRIPT.count and SCRIPT.count(Txt2Img(), {"prompts": "a\n\nb"}) == 2


@pytest.mark.parametrize(("where", "expected"), [("instead", "b"), ("start", "b, a"), ("end", "a, b")])
def test_words_go_where_they_should(where: str, expected: str) -> None:
    assert joined("a", "b", where) == expected
    assert joined("", "b", where) == "b"


def test_seeds_are_shared_counted_or_random() -> None:
    text = "a\nb --c\n--prompt c --batch_count 3\nd"
    assert [one.seed for one in played(text).requests] == [5, 5, 5, 5]  # type: ignore[union-attr]
    assert [one.seed for one in played(text, seeds=web.SEEDS[1]).requests] == [5, 6, 7, 10]  # type: ignore[union-attr]
    assert {one.seed for one in played(text, seeds=web.SEEDS[2]).requests} == {-1}  # type: ignore[union-attr]
    assert len({one.seed for one in played(text, {"seed": -1}).requests} - {-1}) == 1  # type: ignore[union-attr]


def test_it_is_loaded_as_an_add_on(studio: AddOnStudio) -> None:
    assert studio.studio.extensions.names() == ["prompts-from-file"]
