"""IP-Adapters: equal to diffusers' own, from files as they are published, through the engine, and gone without a trace."""

from __future__ import annotations

import dataclasses
import hashlib
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from webui.engine.adapters.controlnet import Control, controlled
from webui.engine.adapters.ip_adapter import PictureInPrompt, cross_attentions, look, looking_at, pixels_for
from webui.engine.device import Device
from webui.engine.engine import Engine
from webui.engine.families.sd import StableDiffusion
from webui.engine.loading.component import ComponentKind, load_component
from webui.engine.loading.ip_adapter import open_image_encoder, open_ip_adapter
from webui.engine.loading.tokenizers import OPEN_CLIP_PAD, OPENAI_PAD, clip_tokenizer
from webui.engine.memory.attention import attention, sliced
from webui.engine.memory.manager import DEVICE, ModelManager
from webui.engine.memory.measures import rows_at_once
from webui.errors import AdapterUnusable
from webui.generation.attention import SLICED, XFORMERS
from webui.generation.control import ControlUnit
from webui.generation.events import Note, Picture, WorkerEvent
from webui.generation.job import ControlUse, JobSpec
from webui.pictures.preprocessors import RESIZE_MODES, encoder_picture

from . import tiny_checkpoints
from .drawing import Recorder, digests, job
from .small_modules import sd1_unet, sdxl_unet
from .test_controlnet import PICTURE, call, controlnet
from .test_families import HEIGHT, WIDTH, LastLatents, arguments, assert_close, euler, no_network, sd_components, silent
from .tiny import recorder_of, same_bits, tiny_family, weights_of
from .tiny_ip_adapters import SIDE, adapter_state, as_open_clip, image_encoder, nested, saved

QUICK: dict[str, Any] = {"width": 64, "height": 64, "steps": 4, "sampler": "Euler", "schedule_type": "Uniform"}
SIZE = (45, 61)


def painted(seed: int = 3, size: tuple[int, int] = SIZE) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 255, (size[1], size[0], 3), np.uint8))


@dataclasses.dataclass(frozen=True)
class Files:
    """An adapter, its image encoder, and pictures of the image store by hash."""

    adapter: Path
    encoder: Path
    pictures: dict[str, Path]

    @property
    def use(self) -> ControlUse:
        return ControlUse(str(self.adapter), str(self.encoder))

    def put_on(self, spec: JobSpec, **fields: Any) -> JobSpec:
        return with_pictures(spec, [self], **fields)


def with_pictures(spec: JobSpec, several: list[Files], **fields: Any) -> JobSpec:
    """A job with an IP-Adapter for each of these files, looking at the first of their pictures."""
    units = tuple(ControlUnit(**({"kind": "ip_adapter", "model": "tiny", "image": next(iter(one.pictures))} | fields)) for one in several)
    paths = {digest: str(path) for one in several for digest, path in one.pictures.items()}
    return dataclasses.replace(
        spec,
        request=spec.request.model_copy(update={"controls": (*spec.request.controls, *units)}),
        controls=(*spec.controls, *(one.use for one in several)),
        image_paths=spec.image_paths | paths,
    )


def stored(folder: Path, seed: int = 3) -> dict[str, Path]:
    buffer = io.BytesIO()
    painted(seed).save(buffer, "PNG")
    digest = hashlib.sha256(buffer.getvalue()).hexdigest()
    (folder / digest).write_bytes(buffer.getvalue())
    return {digest: folder / digest}


def files(folder: Path, unet: Any, version: str = "plain", seed: int = 3) -> Files:
    folder.mkdir(parents=True, exist_ok=True)
    adapter = saved(adapter_state(unet, version, seed), folder / f"ip-adapter-{version}-{seed}.safetensors")
    return Files(adapter, saved(image_encoder().state_dict(), folder / "clip_vision.safetensors"), stored(folder, seed))


@pytest.fixture(scope="module")
def family(device: Device) -> StableDiffusion:
    return tiny_family(device)


@pytest.fixture(scope="module")
def tiny(family: StableDiffusion, tmp_path_factory: pytest.TempPathFactory) -> Files:
    return files(tmp_path_factory.mktemp("plain"), family.unet)


@pytest.fixture(scope="module")
def plus(family: StableDiffusion, tmp_path_factory: pytest.TempPathFactory) -> Files:
    return files(tmp_path_factory.mktemp("plus"), family.unet, "plus", 4)


def drawn(recorder: Recorder, spec: JobSpec) -> np.ndarray:
    (picture,) = [event for event in recorder.run(spec) if isinstance(event, Picture)]
    return np.frombuffer(picture.rgb, np.uint8).astype(int)


# --- Equal to diffusers, from the files to the finished latents ---


def stock_pipeline(kind: str) -> tuple[tiny_checkpoints.Tiny, Any]:
    """A tiny checkpoint and diffusers' pipeline for it, with an image encoder."""
    from diffusers import StableDiffusionPipeline, StableDiffusionXLPipeline
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    made = getattr(tiny_checkpoints, kind)()
    looks = {
        "image_encoder": image_encoder(),
        "feature_extractor": CLIPImageProcessorPil(size={"shortest_edge": SIDE}, crop_size={"height": SIDE, "width": SIDE}),
    }
    if kind != "sdxl":
        return made, StableDiffusionPipeline(**sd_components(made, OPENAI_PAD if kind == "sd1" else OPEN_CLIP_PAD) | looks)
    parts = {"unet" if name == "denoiser" else name: module for name, module in made.modules.items()}
    tokenizers = {"tokenizer": clip_tokenizer(OPENAI_PAD), "tokenizer_2": clip_tokenizer(OPEN_CLIP_PAD)}
    return made, StableDiffusionXLPipeline(**parts, **tokenizers, **looks, scheduler=euler(), add_watermarker=False)


CASES = [
    ("sd1", [("plain", 0.7)]),
    pytest.param("sd1", [("full", 0.7)], marks=pytest.mark.slow),
    pytest.param("sd2", [("plus", 0.7)], marks=pytest.mark.slow),
    ("sdxl", [("plus", 0.6)]),
    pytest.param("sdxl", [("plain", 1.0)], marks=pytest.mark.slow),
    pytest.param("sd1", [("plus", 0.5), ("plain", 0.4)], marks=pytest.mark.slow),
]


@pytest.mark.parametrize(
    ("kind", "adapters"), CASES, ids=lambda case: case if isinstance(case, str) else "+".join(name for name, _ in case)
)
def test_equals_diffusers(tmp_path: Path, device: Device, kind: str, adapters: list[tuple[str, float]]) -> None:
    made, pipeline = stock_pipeline(kind)
    path = made.save(tmp_path / "tiny.safetensors")
    there = [files(tmp_path / version, made.modules["denoiser"], version, number) for number, (version, _) in enumerate(adapters)]
    hooks, manager = LastLatents(), ModelManager(device)
    asked = {"width": WIDTH, "height": HEIGHT, "steps": 4, "sampler": "Euler", "schedule_type": "Uniform", "seed": 3}
    spec = plain = job(path=path, negative_prompt="blurry", **asked)
    for one, (_, weight) in zip(there, adapters, strict=True):
        spec = one.put_on(spec, weight=weight)
    recorder = Recorder(Engine(device, hooks, manager))
    with no_network():
        recorder.run(plain)
        without = hooks.latents
        recorder.run(spec)
        latents = hooks.latents
    pipeline.load_ip_adapter(
        [nested(adapter_state(made.modules["denoiser"], version, number)) for number, (version, _) in enumerate(adapters)],
        subfolder=[""] * len(adapters),
        weight_name=[""] * len(adapters),
        image_encoder_folder=None,
    )
    pipeline.set_ip_adapter_scale([weight for _, weight in adapters])
    pictures = [painted(number) for number in range(len(adapters))]
    stock = silent(pipeline)(**arguments(), ip_adapter_image=pictures).images
    assert_close(latents, stock)
    assert (latents - without).abs().max() > 1e-2
    with no_network():
        recorder.run(plain)
    assert torch.equal(hooks.latents, without)


@pytest.mark.parametrize("size", [SIZE, (61, 45), (28, 28), (300, 29)])
def test_pictures_are_brought_to_the_encoders_size_as_clip_does(size: tuple[int, int]) -> None:
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    processor = CLIPImageProcessorPil(size={"shortest_edge": SIDE}, crop_size={"height": SIDE, "width": SIDE})
    picture = painted(size=size)
    wanted = processor(picture, return_tensors="pt").pixel_values
    assert torch.allclose(pixels_for(encoder_picture(picture, "Crop and Resize", SIDE)), wanted, atol=1e-5)


def test_every_way_to_the_square_keeps_something_else() -> None:
    picture = painted(size=(90, 45))
    seen = {mode: encoder_picture(picture, mode, SIDE) for mode in RESIZE_MODES}
    assert {one.size for one in seen.values()} == {(SIDE, SIDE)}
    assert len({one.tobytes() for one in seen.values()}) == len(RESIZE_MODES)


# --- Files ---


@pytest.mark.parametrize("naming", ["transformers", "open_clip", "whole model", "folder"])
def test_image_encoders_under_both_namings(tmp_path: Path, device: Device, naming: str) -> None:
    encoder = image_encoder()
    path = tmp_path / "image_encoder" / "model.safetensors"
    state = as_open_clip(encoder) if naming == "open_clip" else encoder.state_dict()
    if naming == "whole model":
        state = state | {"text_model.final_layer_norm.weight": torch.ones(4), "logit_scale": torch.ones(())}
    saved(state, path)
    if naming == "folder":
        encoder.save_pretrained(path.parent)
    loaded: Any = load_component(open_image_encoder(path), device)
    pixels = torch.randn(1, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(1))
    for tokens in (True, False):
        assert torch.allclose(look(loaded, pixels, tokens=tokens), look(encoder, pixels, tokens=tokens), atol=1e-5)


def test_the_activation_of_an_image_encoder_is_told_by_its_config(tmp_path: Path, device: Device) -> None:
    encoder = image_encoder()
    encoder.config.hidden_act = "quick_gelu"
    encoder.save_pretrained(tmp_path / "image_encoder")
    loaded: Any = load_component(open_image_encoder(tmp_path / "image_encoder" / "model.safetensors"), device)
    assert loaded.config.hidden_act == "quick_gelu"


@torch.no_grad()
@pytest.mark.parametrize("version", ["plus", *(pytest.param(version, marks=pytest.mark.slow) for version in ("plain", "full"))])
def test_an_old_pickle_gives_the_same(tmp_path: Path, device: Device, version: str) -> None:
    state = adapter_state(sd1_unet(), version)
    new: Any = load_component(open_ip_adapter(saved(state, tmp_path / "a.safetensors")), device)
    torch.save(nested(state), tmp_path / "a.bin")
    with pytest.raises(AdapterUnusable, match="no folder to convert"):
        open_ip_adapter(tmp_path / "a.bin")
    old: Any = load_component(open_ip_adapter(tmp_path / "a.bin", tmp_path / "cache"), device)
    assert all(torch.equal(one, other) for one, other in zip(new.state_dict().values(), old.state_dict().values(), strict=True))


def _lacking(state: dict[str, torch.Tensor], name: str) -> dict[str, torch.Tensor]:
    return {key: tensor for key, tensor in state.items() if key != name}


BROKEN: dict[str, tuple[Any, str]] = {
    "a web page": (b"<!DOCTYPE html><html>", "web page"),
    "cut off": (b"half", "cut off|too short|damaged"),
    "something else": ({"a": torch.zeros(1)}, "not an IP-Adapter"),
    "made for faces": (
        {"image_proj.proj.0.weight": torch.zeros(1024, 512), "image_proj.norm.weight": torch.zeros(16)},
        "not an IP-Adapter",
    ),
    "without attentions": ({"image_proj.proj.weight": torch.zeros(64, 48)}, "not complete"),
    "without a norm": (_lacking(adapter_state(sd1_unet()), "image_proj.norm.weight"), "lacks 1 tensors"),
    "without values": (_lacking(adapter_state(sd1_unet()), "ip_adapter.1.to_v_ip.weight"), "not complete"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_files_that_are_broken_say_so(tmp_path: Path, device: Device, name: str) -> None:
    content, words = BROKEN[name]
    path = tmp_path / "adapter.safetensors"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        save_file(content, path)
    with pytest.raises(AdapterUnusable, match=words) as caught:
        ModelManager(device).beside([("ip_adapter", path)])
    assert "adapter.safetensors" in caught.value.message
    assert caught.value.hint


def test_an_image_encoder_that_is_none_says_so(tmp_path: Path, device: Device) -> None:
    path = saved({"a": torch.zeros(1)}, tmp_path / "clip.safetensors")
    with pytest.raises(AdapterUnusable, match="not an image encoder"):
        ModelManager(device).beside([("image_encoder", path)])


# --- In the engine ---


def test_it_draws_and_leaves_no_trace(family: StableDiffusion, tiny: Files) -> None:
    recorder, before = recorder_of(family), weights_of(family)
    plain = job(**QUICK)
    without, told = drawn(recorder, plain), drawn(recorder, tiny.put_on(plain))
    assert np.abs(told - without).max() > 3
    assert (drawn(recorder, tiny.put_on(plain)) == told).all()
    assert (drawn(recorder, tiny.put_on(plain, weight=0.0)) == without).all()
    assert (drawn(recorder, tiny.put_on(plain, start=0.9, end=0.95)) == without).all(), "no step lies in there as a whole"
    assert (drawn(recorder, plain) == without).all()
    assert same_bits(weights_of(family), before)


@pytest.mark.parametrize(("more", "less"), [({"weight": 1.0}, {"weight": 0.1}), ({"end": 1.0}, {"end": 0.25}), ({}, {"start": 0.5})])
def test_less_of_it_is_nearer_to_the_picture_without(family: StableDiffusion, tiny: Files, more: Any, less: Any) -> None:
    recorder = recorder_of(family)
    without = drawn(recorder, job(**QUICK))
    much, little = (np.abs(drawn(recorder, tiny.put_on(job(**QUICK), **fields)) - without).mean() for fields in (more, less))
    assert much > little > 0


@torch.no_grad()
def test_start_and_end_are_steps_of_diffusers(family: StableDiffusion, tiny: Files) -> None:
    """In a step outside of them the U-Net is asked as if there were no picture."""
    unet, prompt = sd1_unet(), prompt_for(sd1_unet())
    plain, alone = call(unet), [PictureInPrompt(prompt, 0.8, start=0.25, end=0.75)]
    for step in range(4):
        with looking_at(unet, alone, lambda step=step: (step, 4)):
            assert torch.equal(call(unet), plain) == (step in (0, 3))


@torch.no_grad()
def prompt_for(unet: Any, seed: int = 0, version: str = "plain") -> Any:
    from webui.engine.adapters.ip_adapter_network import IPAdapter
    from webui.engine.loading.configs import ip_adapter_config
    from webui.engine.loading.layouts import ip_adapter_layout
    from webui.engine.loading.tensors import shapes_of

    state = adapter_state(unet, version, seed)
    shapes = {name: tuple(tensor.shape) for name, tensor in state.items()}
    layout = ip_adapter_layout(shapes, version)
    adapter = IPAdapter.from_config(ip_adapter_config(shapes_of(shapes, layout), version))
    renamed = {name: origin.read(state[origin.name]) if origin.read else state[origin.name] for name, origin in layout.items()}
    adapter.load_state_dict(renamed)
    return adapter.keys_and_values(look(image_encoder(), torch.randn(1, 3, SIDE, SIDE), tokens=adapter.reads_tokens))


@pytest.mark.parametrize("make", [sd1_unet, sdxl_unet])
@torch.no_grad()
def test_the_negative_prompt_hears_nothing_of_it(make: Any) -> None:
    unet = make()
    picture = PictureInPrompt(prompt_for(unet))
    with looking_at(unet, [picture], lambda: (0, 1), lambda: (True, False)):
        told = call(unet)
    with looking_at(unet, [picture], lambda: (0, 1)):
        both = call(unet)
    assert torch.allclose(told[1], both[1], atol=1e-5)
    assert not torch.allclose(told[0], both[0], atol=1e-3)


@torch.no_grad()
def test_parts_of_a_call_keep_their_rows() -> None:
    """Where memory is short the U-Net is asked for some rows after the other."""
    unet = sd1_unet()
    with looking_at(unet, [PictureInPrompt(prompt_for(unet))], lambda: (0, 1), lambda: (True, True, False, False)):
        whole = call(unet, 4)
        for rows in (1, 3):
            with rows_at_once(unet, rows):
                assert torch.allclose(call(unet, 4), whole, atol=1e-5)


@torch.no_grad()
def test_whichever_kernel_is_chosen_computes_it_too(monkeypatch: pytest.MonkeyPatch) -> None:
    unet, asked = sd1_unet(), []

    def counted(*tensors: torch.Tensor) -> torch.Tensor:
        asked.append(tensors[1].shape[2])
        return sliced(*tensors)

    monkeypatch.setattr("webui.engine.memory.attention.KERNELS", {SLICED: counted, XFORMERS: counted})
    with looking_at(unet, [PictureInPrompt(prompt_for(unet))], lambda: (0, 1)):
        whole = call(unet)
        for kernel in (SLICED, XFORMERS):
            asked.clear()
            with attention(kernel):
                assert torch.allclose(call(unet), whole, atol=1e-5)
            assert asked.count(4) == asked.count(5) == len(cross_attentions(unet)), "the picture's four tokens, the prompt's five"


@torch.no_grad()
def test_beside_a_controlnet_each_hears_what_is_its_own() -> None:
    unet = sd1_unet()
    model, picture = controlnet(unet), PictureInPrompt(prompt_for(unet), 0.5)
    told: list[torch.Size] = []
    listener = model.register_forward_pre_hook(
        lambda module, given, named: told.append(named["encoder_hidden_states"].shape), with_kwargs=True
    )
    with controlled(unet, [Control(model, PICTURE, 0.7)], lambda: (0, 1)):
        steered = call(unet)
        with looking_at(unet, [picture], lambda: (0, 1)):
            both = call(unet)
    listener.remove()
    assert len(set(told)) == 1, "the ControlNet's prompt has no more tokens than before"
    assert not torch.allclose(both, steered, atol=1e-3)


@torch.no_grad()
def test_off_after_an_exception() -> None:
    unet = sd1_unet()
    plain = call(unet)
    with pytest.raises(KeyboardInterrupt), looking_at(unet, [PictureInPrompt(prompt_for(unet))], lambda: (0, 1)):
        raise KeyboardInterrupt
    assert torch.equal(call(unet), plain)
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in unet.modules())


def test_nothing_is_left_after_an_interrupt(family: StableDiffusion, tiny: Files) -> None:
    recorder, before = recorder_of(family), weights_of(family)

    def stop(control: Any, event: WorkerEvent) -> None:
        if event.type == "step":
            control.interrupt()

    assert recorder.run(tiny.put_on(job(**QUICK)), stop)[-1].type == "interrupted"
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in family.unet.modules())
    assert same_bits(weights_of(family), before)


def test_several_together_and_every_setting_matters(family: StableDiffusion, tiny: Files, plus: Files) -> None:
    recorder, plain = recorder_of(family), job(**QUICK)
    ways = [
        tiny.put_on(plain),
        plus.put_on(plain),
        with_pictures(plain, [tiny, plus]),
        with_pictures(plain, [tiny, tiny]),
        tiny.put_on(plain, resize_mode="Just Resize"),
        tiny.put_on(plain, weight=0.5),
        tiny.put_on(plain, end=0.5),
        dataclasses.replace(tiny, pictures=plus.pictures).put_on(plain),
    ]
    pictures = {drawn(recorder, way).tobytes() for way in ways}
    assert len(pictures) == len(ways)


def test_it_is_looked_at_in_the_hires_pass_too(family: StableDiffusion, tiny: Files) -> None:
    recorder = recorder_of(family)
    spec = job(**QUICK, hires=True, hires_scale=1.5, hires_upscaler="Latent")
    without, told = drawn(recorder, spec), drawn(recorder, tiny.put_on(spec))
    assert without.size == told.size == 96 * 96 * 3
    assert np.abs(told - without).max() > 3


def test_what_does_not_fit_is_told_with_its_place(family: StableDiffusion, tiny: Files, tmp_path: Path) -> None:
    recorder, plain = recorder_of(family), job(**QUICK)
    stranger = files(tmp_path / "stranger", sdxl_unet())
    with pytest.raises(AdapterUnusable, match="not made for this kind of checkpoint") as caught:
        recorder.run(with_pictures(plain, [tiny, stranger]))
    assert caught.value.field == "controls[1].model"
    with pytest.raises(AdapterUnusable, match="can't be read") as caught:
        recorder.run(dataclasses.replace(tiny, encoder=tmp_path / "gone.safetensors").put_on(plain))
    assert caught.value.field == "controls[0].model"


def test_numbers_that_are_none_are_told(family: StableDiffusion, tmp_path: Path) -> None:
    there = files(tmp_path, family.unet)
    state = adapter_state(family.unet, seed=3)
    state["ip_adapter.1.to_v_ip.weight"].fill_(float("nan"))
    saved(state, there.adapter)
    with pytest.raises(AdapterUnusable, match="NaN") as caught:
        recorder_of(family).run(there.put_on(job(**QUICK)))
    assert caught.value.field == "controls[0].model"


# --- The manager: networks are there only while a picture is looked at, and once for each ---


def test_beside_the_real_manager(device: Device, tmp_path: Path) -> None:
    made = tiny_checkpoints.sd1()
    path = made.save(tmp_path / "tiny.safetensors")
    there = files(tmp_path / "adapter", made.modules["denoiser"], "plus")
    manager = ModelManager(device, cache=tmp_path / "cache", most_cast_bytes=2**30)
    asked: list[list[str]] = []
    beside = manager.beside

    def listening(parts: Any) -> Any:
        asked.append([kind for kind, _ in parts])
        return beside(parts)

    manager.beside = listening  # type: ignore[method-assign]
    recorder = Recorder(Engine(device, checkpoints=manager))
    plain = job(path=path, **QUICK)
    without, told = digests(recorder.run(plain)), digests(recorder.run(there.put_on(plain)))
    assert told != without
    assert ["ip_adapter", "image_encoder"] in asked
    assert not [part for part in manager.resident() if part["in_use"] and part["kind"] in ("ip_adapter", "image_encoder")]
    assert {part["kind"] for part in manager.resident()} >= {"ip_adapter", "image_encoder"}
    asked.clear()
    again = dataclasses.replace(there.put_on(plain), job_id="again")
    assert digests(recorder.run(again)) == told
    assert ["ip_adapter", "image_encoder"] not in asked, "what they said of that picture is kept"
    # Another file under the same name is looked through anew.
    saved(adapter_state(made.modules["denoiser"], "plus", 9), there.adapter)
    assert digests(recorder.run(there.put_on(plain))) not in (told, without)
    assert digests(recorder.run(plain)) == without


@pytest.mark.parametrize("free", [0, 2**40])
def test_a_card_that_is_full_lends_the_checkpoints_place(device: Device, tmp_path: Path, free: int) -> None:
    """With main memory standing in for a card's own."""
    made = tiny_checkpoints.sd1()
    path, there = made.save(tmp_path / "tiny.safetensors"), files(tmp_path / "adapter", made.modules["denoiser"])
    manager = ModelManager(dataclasses.replace(device, copies=True, free_bytes=lambda: free))

    def on_card() -> set[str]:
        return {part["kind"] for part in manager.resident() if part["state"] == DEVICE}

    loaded = manager.get(path, lambda: None)
    kinds = set(loaded.parts)
    loaded.place(kinds)
    assert on_card() == kinds
    networks: list[tuple[ComponentKind, Path]] = [("ip_adapter", there.adapter), ("image_encoder", there.encoder)]
    adapter, encoder = manager.beside(networks)
    assert on_card() == {"ip_adapter", "image_encoder"} | (kinds if free else set())
    with torch.no_grad():
        adapter.keys_and_values(look(encoder, pixels_for(encoder_picture(painted(), "Crop and Resize", SIDE)), tokens=False))
    manager.beside([])
    loaded.place(kinds)
    assert on_card() == kinds


@pytest.mark.slow
def test_a_refiner_of_another_kind_draws_without(device: Device, tmp_path: Path) -> None:
    made, other = tiny_checkpoints.sd1(), tiny_checkpoints.sd2()
    path, refiner = made.save(tmp_path / "tiny.safetensors"), other.save(tmp_path / "refiner.safetensors")
    there = files(tmp_path / "adapter", made.modules["denoiser"])
    recorder = Recorder(Engine(device, checkpoints=ModelManager(device)))
    spec = dataclasses.replace(job(path=path, **QUICK, refiner="refiner", refiner_switch_at=0.5), refiner_path=str(refiner))
    events = recorder.run(there.put_on(spec))
    notes = [event.text for event in events if isinstance(event, Note)]
    assert any("refiner draws without controls: This IP-Adapter is not made for this kind" in note for note in notes)
    assert digests(events) != digests(recorder.run(spec))


def test_the_plan_counts_what_is_kept_of_a_picture(family: StableDiffusion, tiny: Files) -> None:
    from webui.engine.adapters.fitting import AdapterShelf
    from webui.engine.memory.manager import BESIDE

    load = lambda parts: [load_component(BESIDE[kind](path, None), family.device) for kind, path in parts]  # noqa: E731
    with torch.no_grad():
        one = AdapterShelf().fit(tiny.put_on(job(**QUICK)), family, print, load).controls
        twice = AdapterShelf().fit(with_pictures(job(**QUICK), [tiny, tiny]), family, print, load).controls
    widths = [attention.to_k.out_features for attention in cross_attentions(family.unet)]
    assert one.nbytes == twice.nbytes == sum(widths) * 2 * 2 * 4 * 4
