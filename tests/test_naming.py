"""Patterns mean what AUTOMATIC1111's mean, and whatever they and a prompt hold, the name is safe everywhere."""

import unicodedata
from datetime import UTC, datetime, timedelta, timezone
from pathlib import PurePosixPath

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from webui.errors import SettingInvalid
from webui.generation.request import ResolvedTxt2Img
from webui.settings import Settings
from webui.studio.naming import FOLDER_BYTES, MOST_FOLDERS, NAME_BYTES, TOKENS, OutputStyle, Place, Subject, check_pattern, place, safe_name

MOMENT = datetime(2026, 11, 23, 8, 30, 5, tzinfo=timezone(timedelta(hours=1)))
DEVICES = {"con", "prn", "aux", "nul", "conin$", "conout$"} | {f"{port}{digit}" for port in ("com", "lpt") for digit in "0123456789¹²³"}


def resolved(**fields: object) -> ResolvedTxt2Img:
    return ResolvedTxt2Img.model_validate(
        {"checkpoint": "small", "checkpoint_hash": "0123456789", "seed": 7, "schedule_type": "Karras"} | fields
    )


def named(folder: str, name: str, index: int = 0, **fields: object) -> Place:
    return place("top", OutputStyle(folder_pattern=folder, name_pattern=name), Subject(resolved(**fields), index, MOMENT), number_bytes=14)


def name_of(pattern: str, index: int = 0, **fields: object) -> str:
    return named("", pattern, index, **fields).name


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("[seed]", "12"),
        ("[seed_first]-[seed_last]", "10-13"),
        ("[steps] [cfg] [width]x[height]", "20 7.5 256x512"),
        ("[sampler] [scheduler]", "DPM++ 2M Karras"),
        ("[sampler_scheduler]", "DPM++ 2M Karras"),
        ("[model_name] [model_hash]", "small 0123456789"),
        ("[date]", "2026-11-23"),
        ("[datetime]", "20261123083005"),
        ("[datetime<%H.%M><Asia/Tokyo>]", "16.30"),
        ("[job_timestamp]", "20261123083005"),
        ("[prompt]", "A_(red_1.2)_fox,_a_cat"),
        ("[prompt_spaces]", "A (red_1.2) fox, a cat"),
        ("[prompt_words]", "A red 1 2 fox a cat"),
        ("[prompt_hash]", "f4683f2f"),
        ("[prompt_hash<4>]", "f468"),
        ("[full_prompt_hash<4>] [negative_prompt_hash<4>]", "7918 a51b"),
        ("[hasprompt<fox><dog|other><cow>]", "foxother"),
        ("[batch_number] of [batch_size], [generation_number]", "3 of 4, 7"),
        ("[clip_skip]", "2"),
        ("[SEED]", "12"),
        ("[none]", ""),
        ("[seed]-[user]-[steps]", "12-20"),
        ("[seed]-[unheard]", "12-[unheard]"),
    ],
)
def test_words_of_patterns(pattern: str, expected: str) -> None:
    fields: dict[str, object] = {"prompt": "A (red:1.2)\nfox, a cat", "negative_prompt": "blurry", "cfg_scale": 7.5, "width": 256}
    fields |= {"clip_skip": 2, "batch_count": 2, "batch_size": 4, "seed": 6}
    assert name_of(pattern, 6, **fields) == expected


def test_words_that_say_nothing_take_the_text_before_them_along() -> None:
    assert name_of("[seed]-[batch_number]") == "7"
    assert name_of("[seed]-[generation_number]", batch_count=3, index=1) == "8-2"


def test_folders_are_made_by_the_pattern_and_never_by_a_value() -> None:
    where = named("[date]/[model_name]\\[prompt]", "in [sampler]/[seed]", prompt="../../etc/passwd", checkpoint="sd/v1.5")
    assert where.folder == PurePosixPath("top/2026-11-23/sd_v1.5/_.._etc_passwd/in DPM++ 2M")
    assert where.numbered("00012", ".png").endswith("/00012-7.png")


@pytest.mark.parametrize("pattern", ["../..", "/etc", "//", "./.", " . / .. ", "[none]", ""])
def test_a_pattern_can_not_leave_the_pictures_folder(pattern: str) -> None:
    assert named(pattern, "").numbered("00000", ".png") in ("top/00000.png", "top/etc/00000.png")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("CON", "_CON"),
        ("nul.txt", "_nul.txt"),
        ("com1 .x", "_com1 .x"),
        ("LPT¹", "_LPT¹"),
        ("console", "console"),
        (".hidden", "hidden"),
        ("end. . ", "end"),
        ('a<b>c:d"e/f\\g|h?i*j', "a_b_c_d_e_f_g_h_i_j"),
        ("a\x00b\x1fc\x7fd\ue000e\ud800f", "ab cdef"),
        ("gpj.\u202etxt\u2066\u200e", "gpj.txt"),
        ("a\r\n\tb\u2028c\u00a0d", "a b c d"),
        ("e\u0301", "é"),
        ("e\u202e\u0301", "é"),
        ("<\u0338", "≮"),
        ("\u200d\u200c", ""),
        ("👨‍👩‍👧", "👨‍👩‍👧"),
    ],
)
def test_safe_names(text: str, name: str) -> None:
    assert safe_name(text, 100) == name


def test_long_names_are_cut_between_whole_letters() -> None:
    assert safe_name("ab" + "👨‍👩‍👧" * 3, 52) == "ab👨‍👩‍👧👨‍👩‍👧"
    assert safe_name("x" + "🇦🇹" * 3, 22) == "x🇦🇹🇦🇹"
    assert safe_name("q\u0308" * 5, 7) == "q\u0308" * 2
    assert safe_name("x\u0308y\u0308" * 5, 9) == "ẍÿẍ"
    assert safe_name("word and more", 9) == "word and"
    assert safe_name("CONTENT", 3) == "_CO"


def test_one_letter_that_is_too_long_is_cut_all_the_same() -> None:
    cut = safe_name("a" + "\u0301\u0323" * 500, 20)
    assert 18 <= len(cut.encode()) <= 20


TEXT = st.one_of(
    st.text(max_size=300),
    st.text(alphabet="./\\ :CONnulcom1\u202e\u200d\x00\n👨🇦e\u0301中[]<>", max_size=300),
    st.sampled_from(["🏳️‍🌈" * 900, "中" * 5000, "..", "CON", "nul.png", "a" * 5000]),
)
PATTERN = st.lists(
    st.one_of(st.sampled_from([f"[{word}]" for word in TOKENS]), st.sampled_from(["/", "\\", "..", ".", " ", "-", "[", "]", "CON"]), TEXT),
    max_size=12,
).map("".join)


@settings(max_examples=100, deadline=None)
@given(folder=PATTERN, name=PATTERN, prompt=TEXT, checkpoint=TEXT, path_bytes=st.integers(150, 1000))
@example("[prompt]/" * 30, "[prompt]", "中" * 5000, "x", 1000)
@example("[prompt]/" * 30, "[prompt]", "x" * 5000, "x", 150)
def test_any_pattern_with_any_prompt_gives_a_safe_path(folder: str, name: str, prompt: str, checkpoint: str, path_bytes: int) -> None:
    request = resolved(prompt=prompt).model_copy(update={"checkpoint": checkpoint})
    style = OutputStyle(folder_pattern=folder, name_pattern=name)
    where = place("txt2img-images", style, Subject(request, 0, MOMENT), number_bytes=14, path_bytes=path_bytes)
    path = where.numbered("1234567", ".avif")
    top, *parts, file = path.split("/")
    assert top == "txt2img-images"
    assert file.startswith("1234567") and file.endswith(".avif")
    assert len(file.encode()) <= NAME_BYTES and len(parts) <= MOST_FOLDERS
    assert len(path.encode()) <= path_bytes
    for part in (*parts, file):
        assert part and part[0] not in ". " and part[-1] not in ". "
        assert part.partition(".")[0].strip().casefold() not in DEVICES
        assert not set(part) & set('<>:"\\|?*') and unicodedata.is_normalized("NFC", part)
        assert not any(unicodedata.category(c)[0] == "C" and c not in "\u200c\u200d" for c in part)
        assert part == file or len(part.encode()) <= FOLDER_BYTES


@pytest.mark.parametrize("token", TOKENS)
def test_every_word_passes_the_check_and_has_a_value(token: str) -> None:
    pattern = TOKENS[token].example or f"[{token}]"
    check_pattern(f"{pattern}/x", "folder_pattern")
    assert "[" not in name_of(pattern, prompt="a fox")


@pytest.mark.parametrize(
    ("pattern", "told"),
    [
        ("[sede]", "[sede]"),
        ("[image_hash]", "before the picture is made"),
        ("[seed", "other half"),
        ("seed]", "other half"),
        ("[]", "other half"),
        ("[seed<3>]", "nothing"),
        ("[prompt_hash<0>]", "1 to 64"),
        ("[prompt_hash<99999999999>]", "1 to 64"),
        ("[prompt_hash<x>]", "1 to 64"),
        ("[datetime<%Y><Nowhere>]", "time zone"),
        ("[datetime<%Y><../../etc/passwd>]", "time zone"),
        ("[datetime<%Y><Europe>]", "time zone"),
        ("[datetime<%Y><UTC><more>]", "no more"),
        ("[hasprompt]", "word"),
    ],
)
def test_patterns_that_can_not_be_meant_are_refused_with_all_known_words(pattern: str, told: str) -> None:
    with pytest.raises(SettingInvalid) as refusal:
        check_pattern(pattern, "name_pattern")
    assert told in refusal.value.message and refusal.value.message.startswith("File name ")
    assert refusal.value.field == "name_pattern" and refusal.value.hint
    assert all(f"[{word}]" in str(refusal.value.allowed) for word in TOKENS)


def test_a_refused_pattern_still_names_a_picture() -> None:
    assert name_of("[datetime<%Y><Nowhere>]-[prompt_hash<x>]", prompt="a").startswith("20261123083005-")


def test_the_style_of_the_settings() -> None:
    asked = Settings.model_construct(**{name: field.default for name, field in Settings.model_fields.items()})
    assert OutputStyle.of(asked) == OutputStyle()
    changed = asked.model_copy(update={"picture_format": "webp", "picture_quality": 3, "sidecar": "json", "save_grids": True})
    assert OutputStyle.of(changed) == OutputStyle("webp", 3, sidecar="json", save_grids=True)


def test_moments_are_told_in_the_zone_of_the_moment() -> None:
    assert MOMENT.astimezone(UTC).hour == 7
    assert name_of("[datetime<%H>]") == "08"
