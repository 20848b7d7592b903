"""Plans for memory as arithmetic: the budget is kept, more memory is never slower, nothing streams that would fit."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from webui.generation.attention import SDPA, SLICED
from webui.planning.ladder import MOST_RUNGS, RUNGS, step_down
from webui.planning.machine import host_memory
from webui.planning.memory import (
    PAGED,
    PARTIAL,
    RESIDENT,
    SEQUENTIAL,
    SWAP,
    TILED,
    WHOLE,
    Budget,
    Plan,
    Sizes,
    make_plan,
    rows_choices,
)
from webui.planning.peaks import DECODE, DENOISE, ENCODE, Peak, PictureActivations, merge

MB = 1024**2
GB = 1024**3

bytes_of = st.integers(0, 24 * GB)


@st.composite
def sizes(draw: st.DrawFn) -> Sizes:
    denoiser = draw(st.integers(1, 24 * GB))
    block = draw(st.integers(1, denoiser))
    return Sizes(draw(bytes_of), denoiser, draw(bytes_of), block, draw(st.integers(1, block)))


@st.composite
def activations(draw: st.DrawFn) -> PictureActivations:
    side = st.sampled_from((64, 256, 512, 768, 1024, 2048))
    known = st.builds(
        Peak,
        st.sampled_from((DENOISE, DECODE)),
        st.sampled_from((SDPA, SLICED, WHOLE, TILED)),
        side,
        side,
        st.integers(1, 8),
        bytes_of,
    )
    made = draw(st.dictionaries(st.sampled_from((ENCODE, DENOISE, DECODE)), bytes_of))
    return PictureActivations(draw(side), draw(side), draw(st.sampled_from((2, 4))), draw(st.lists(known, max_size=5)), made)


ways = st.fixed_dictionaries({"pictures": st.integers(1, 8), "prompts": st.integers(1, 10), "attention": st.sampled_from((SDPA, SLICED))})
STREAMING = {PARTIAL, SEQUENTIAL, PAGED}


def slowness(plan: Plan) -> tuple[int, int, int, bool, bool, bool]:
    streams = {RESIDENT: 0, SWAP: 0, PARTIAL: 1, PAGED: 1, SEQUENTIAL: 2}[plan.residency]
    return streams, int(plan.attention == SLICED), -plan.rows, plan.vae == TILED, plan.residency == SWAP, plan.vae != WHOLE


@given(bytes_of, bytes_of, st.booleans(), sizes(), activations(), ways)
def test_the_predicted_peak_is_within_the_budget_or_said_not_to_be(
    free: int, reserve: int, copies: bool, weights: Sizes, needs: PictureActivations, way: dict
) -> None:
    budget = Budget(free, reserve, copies)
    plan = make_plan(budget, weights, needs, **way)
    assert plan.fits == (plan.peak <= budget.available)
    assert 0 <= plan.resident_bytes <= weights.denoiser
    assert (plan.residency in (RESIDENT, PAGED)) or copies


@given(bytes_of, bytes_of, st.booleans(), sizes(), activations(), ways)
def test_more_memory_is_never_slower(less: int, more: int, copies: bool, weights: Sizes, needs: PictureActivations, way: dict) -> None:
    less, more = sorted((less, more))
    small, large = (make_plan(Budget(free, 0, copies), weights, needs, **way) for free in (less, more))
    if small.fits:
        assert large.fits
        assert slowness(large) <= slowness(small)
        if small.residency == large.residency == PARTIAL and slowness(small) == slowness(large):
            assert large.resident_bytes >= small.resident_bytes


@given(bytes_of, sizes(), activations(), ways)
def test_what_would_fit_is_never_streamed(free: int, weights: Sizes, needs: PictureActivations, way: dict) -> None:
    plan = make_plan(Budget(free, 0, True), weights, needs, **way)
    kernels = {way["attention"], SLICED}
    for rows in rows_choices(way["pictures"], way["prompts"]):
        for kernel in kernels:
            for vae in (WHOLE, TILED):
                one_at_a_time = max(
                    weights.text + needs.encode(),
                    weights.denoiser + needs.denoise(rows, kernel),
                    weights.vae + needs.decode(way["pictures"], vae),
                )
                if one_at_a_time <= free:
                    assert plan.residency not in STREAMING


@given(bytes_of, st.booleans(), sizes(), activations(), ways, st.sampled_from((ENCODE, DENOISE, DECODE)), bytes_of)
def test_weights_that_loras_make_are_planned_for(
    free: int, copies: bool, weights: Sizes, needs: PictureActivations, way: dict, stage: str, more: int
) -> None:
    """More of them is never a faster plan, and none that predicts less."""
    heavier = dataclasses.replace(needs, made={**needs.made, stage: needs.made.get(stage, 0) + more})
    light, heavy = (make_plan(Budget(free, 0, copies), weights, one, **way) for one in (needs, heavier))
    assert not heavy.fits or (light.fits and slowness(light) <= slowness(heavy))
    if heavy.residency == RESIDENT:
        assert heavy.peak >= weights.total + heavier.made[stage]
    if (light.residency, light.rows, light.vae, light.attention) == (heavy.residency, heavy.rows, heavy.vae, heavy.attention):
        assert heavy.peak >= light.peak or heavy.residency == PARTIAL


SD15 = Sizes(text=int(0.25 * GB), denoiser=int(1.72 * GB), vae=int(0.17 * GB), largest_block=int(0.4 * GB), largest_layer=30 * MB)
AT_512 = PictureActivations(512, 512, 2)
AT_1024 = PictureActivations(1024, 1024, 2)
PAIR = {"pictures": 1, "prompts": 2, "attention": SDPA}


@pytest.mark.parametrize(
    ("free", "needs", "words"),
    [
        (24.0, AT_512, "fits in memory"),
        (2.9, AT_512, "fits; parts take turns"),
        (2.6, AT_1024, "fits; parts take turns, VAE tiled"),
        (2.15, AT_1024, "fits; parts take turns, VAE tiled, one pass after the other"),
        (1.7, AT_512, "fits; part of the weights streamed"),
        (0.3, AT_512, "may not fit in memory"),
    ],
)
def test_stable_diffusion_on_small_cards(free: float, needs: PictureActivations, words: str) -> None:
    assert make_plan(Budget(int(free * GB), 0, True), SD15, needs, **PAIR).words == words


def test_a_lora_can_make_parts_take_turns() -> None:
    budget = Budget(int(3.4 * GB), 0, True)
    with_lora = dataclasses.replace(AT_512, made={DENOISE: int(1.2 * GB)})
    assert make_plan(budget, SD15, AT_512, **PAIR).residency == RESIDENT
    assert make_plan(budget, SD15, with_lora, **PAIR).residency == SWAP


def test_only_what_fails_is_made_smaller() -> None:
    """Where the VAE's activations alone are too much, the denoiser goes on as before."""
    needs = PictureActivations(1024, 1024, 2, [Peak(DENOISE, SDPA, 1024, 1024, 2, 100 * MB), Peak(DECODE, WHOLE, 1024, 1024, 1, 5 * GB)])
    plan = make_plan(Budget(4 * GB, 0, True), SD15, needs, **PAIR)
    assert (plan.residency, plan.rows, plan.vae) == (RESIDENT, 2, TILED)
    needs = PictureActivations(512, 512, 2, [Peak(DENOISE, SDPA, 512, 512, 2, 4 * GB), Peak(DENOISE, SDPA, 512, 512, 1, 100 * MB)])
    plan = make_plan(Budget(4 * GB, 0, True), SD15, needs, **PAIR)
    assert (plan.residency, plan.rows, plan.vae) == (RESIDENT, 1, WHOLE)


def test_measured_peaks_go_before_guesses_and_in_proportion() -> None:
    peaks = [Peak(DENOISE, SDPA, 512, 512, 2, 100 * MB), Peak(DENOISE, SDPA, 1024, 1024, 2, 500 * MB)]
    assert PictureActivations(512, 512, 2, peaks).denoise(2, SDPA) == round(100 * MB * 1.15)
    assert PictureActivations(512, 512, 2, peaks).denoise(1, SDPA) == round(50 * MB * 1.15)
    assert PictureActivations(1024, 1024, 2, peaks).denoise(2, SDPA) == round(500 * MB * 1.15)
    unknown = PictureActivations(512, 512, 2, peaks)
    assert unknown.denoise(2, SLICED) == PictureActivations(512, 512, 2).denoise(2, SLICED)
    tiled = PictureActivations(2048, 2048, 2, [Peak(DECODE, TILED, 1024, 1024, 1, 300 * MB)])
    assert tiled.decode(4, TILED) == round(300 * MB * 1.15), "more tiles need no more memory"


def test_the_largest_peak_of_each_way_is_kept() -> None:
    low, high = (Peak(DECODE, WHOLE, 512, 512, 1, amount) for amount in (1, 2))
    other = Peak(DECODE, TILED, 512, 512, 1, 1)
    assert set(merge([high, other], [low])) == {high, other}
    assert Peak.of(high.as_dict()) == high


def test_passes_go_down_to_one_latent() -> None:
    assert rows_choices(4, 2) == (8, 4, 2, 1)
    assert rows_choices(3, 2) == (6, 3, 2, 1)
    assert rows_choices(1, 1) == (1,)


# the ladder


@pytest.mark.parametrize("copies", [True, False])
@pytest.mark.parametrize("stage", RUNGS)
def test_the_ladder_goes_down_and_ends(stage: str, copies: bool) -> None:
    plan = Plan(RESIDENT, 8, 8, WHOLE, SDPA, 1000, 0, True)
    said = []
    while (lower := step_down(plan, stage, copies=copies, pictures=4)) is not None:
        assert lower[0] != plan
        plan, words = lower
        said.append(words)
    assert len(said) < 12
    moved = plan.residency != RESIDENT
    assert moved == copies, "weights that were never copied can't be moved"
    if stage == DENOISE:
        assert (plan.rows, plan.attention) == (1, SLICED)
    if stage == DECODE:
        assert plan.vae == TILED
    assert MOST_RUNGS == 3


def test_a_single_picture_is_not_decoded_one_by_one() -> None:
    plan = Plan(RESIDENT, 2, 2, WHOLE, SDPA, 1000, 0, True)
    assert step_down(plan, DECODE, copies=False, pictures=1) == (dataclasses.replace(plan, vae=TILED), "VAE tiled")


# the machine


def _group(folder: Path, version: int, limit: str, used: int, cached: int = 0) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    names = (
        ("memory.max", "memory.current", "inactive_file")
        if version == 2
        else (
            "memory.limit_in_bytes",
            "memory.usage_in_bytes",
            "total_inactive_file",
        )
    )
    (folder / names[0]).write_text(f"{limit}\n")
    (folder / names[1]).write_text(f"{used}\n")
    (folder / "memory.stat").write_text(f"anon 5\n{names[2]} {cached}\n")


def test_the_machine_without_limits(tmp_path: Path) -> None:
    here = host_memory(tmp_path / "none", tmp_path)
    assert here.total == psutil.virtual_memory().total
    assert 0 < here.available <= here.total


@pytest.mark.parametrize("version", [1, 2])
def test_the_tightest_limit_of_a_container_counts(tmp_path: Path, version: int) -> None:
    own = tmp_path / "cgroup"
    own.write_text("0::/outer/inner\n" if version == 2 else "5:cpu,cpuacct:/x\n4:memory:/outer/inner\n")
    root = tmp_path / "fs" if version == 2 else tmp_path / "fs" / "memory"
    _group(root / "outer" / "inner", version, "max" if version == 2 else str(2**63 - 4096), 10 * MB)
    _group(root / "outer", version, str(100 * MB), 70 * MB, cached=50 * MB)
    here = host_memory(own, tmp_path / "fs")
    assert here.total == 100 * MB
    assert here.available == 80 * MB
    _group(root / "outer", version, str(100 * MB), 170 * MB)
    assert host_memory(own, tmp_path / "fs").available == 0


def test_a_group_of_the_host_that_is_not_to_be_seen_inside(tmp_path: Path) -> None:
    own = tmp_path / "cgroup"
    own.write_text("4:memory:/docker/0123456789\n")
    _group(tmp_path / "fs" / "memory", 1, str(64 * MB), 1 * MB)
    assert host_memory(own, tmp_path / "fs").total == 64 * MB
