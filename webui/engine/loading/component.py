"""What a checkpoint is made of before anything of it is in memory: parts that know how to be built and where their weights lie.

Opening a checkpoint reads headers only. `realise` turns it into a family ready to draw; whoever keeps checkpoints in
memory (skeletons, mapped files, casts) does the same from the same descriptions.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import torch

from webui.engine.device import Device
from webui.engine.families.base import Family
from webui.engine.loading.modules import architecture, builder
from webui.engine.loading.tensors import Layout, RenamedTensors, TensorSource
from webui.errors import CheckpointUnusable
from webui.generation.weight_storage import AS_COMPUTED

ComponentKind = Literal[
    "denoiser", "vae", "text_encoder", "text_encoder_2", "text_encoder_3", "controlnet", "ip_adapter", "image_encoder", "cut_out"
]

DOWNLOAD_AGAIN = "Copy or download the checkpoint again."


@dataclass(frozen=True)
class ComponentSource:
    """One part of a checkpoint, not loaded yet.

    shown: what to call it in a message: "unet/diffusion_pytorch_model.safetensors", "dream.safetensors (VAE)".
    architecture: components of equal architecture may share one skeleton: same module class, config and names.
    content_id: of the tensors: which file (path, size, time of change) and which of its names. Equal ids, equal tensors.
    build: a module on the meta device; only buffers that no checkpoint holds (position ids) are real.
    tensors: name as in the module -> tensor on the CPU, in the file's dtype. Each look at a name reads it anew; where the
        layout allows, it is a view of the mapped file, which costs no memory. Raises CheckpointUnusable when the file is gone.
    storage: how its weights are to be kept (webui.generation.weight_storage).
    """

    kind: ComponentKind
    shown: str
    architecture: str
    content_id: str
    build: Callable[[], torch.nn.Module] = field(repr=False)
    tensors: Callable[[], Mapping[str, torch.Tensor]] = field(repr=False)
    storage: str = AS_COMPUTED


@dataclass(frozen=True)
class CheckpointSource:
    """A checkpoint, not loaded yet: its parts, and how they become a family.

    content: changes when any file it consists of changes. unchanged: whether it would be the same if it were asked for now;
        raises CheckpointUnusable when a file is gone. family: "sd1", "sdxl", ... as the catalog calls it.
    assemble: the loaded modules by kind, in eval mode on the device, -> the family ready to draw; tokenizers and facts
        such as the prediction type are already in it.
    """

    name: str
    content: str
    family: str
    components: Mapping[ComponentKind, ComponentSource]
    unchanged: Callable[[], bool] = field(repr=False)
    assemble: Callable[[Mapping[ComponentKind, Any], Device], Family] = field(repr=False)


def fingerprint_of(*files: Path) -> str:
    """Changes when one of the files is replaced or edited. From names, sizes and times, not contents. Raises CheckpointUnusable."""
    parts = []
    for path in files:
        try:
            about = path.stat()
        except OSError as error:
            raise CheckpointUnusable(
                f"{path.name} can't be read: {error.strerror or error}.", hint="Refresh the list and pick another checkpoint."
            ) from None
        parts.append(f"{path}|{about.st_size}|{about.st_mtime_ns}")
    return "\n".join(parts)


def stored_as(source: CheckpointSource, storage: str) -> CheckpointSource:
    """The same checkpoint with the weights of its denoiser kept in that form."""
    part = source.components["denoiser"]
    content = f"{source.content}|{storage}"
    small = replace(part, shown=f"{part.shown} as {storage}", content_id=f"{part.content_id}|{storage}", storage=storage)
    return replace(
        source,
        content=content,
        components={**source.components, "denoiser": small},
        # What LoRAs make of its weights is kept by this name.
        assemble=lambda modules, device: replace(source.assemble(modules, device), content=content),  # type: ignore[type-var]
    )


TITLES: Mapping[ComponentKind, str] = {
    "denoiser": "denoiser",
    "vae": "VAE",
    "text_encoder": "text encoder",
    "text_encoder_2": "second text encoder",
    "text_encoder_3": "third text encoder",
    "controlnet": "ControlNet",
    "ip_adapter": "IP-Adapter",
    "image_encoder": "image encoder",
    "cut_out": "cut-out model",
}


def component(
    kind: ComponentKind, module: str, file: TensorSource, layout: Layout, config: Mapping[str, Any], shown: str = ""
) -> ComponentSource:
    """A part whose tensors lie in `file` as `layout` says."""
    names = hashlib.sha256("\n".join(sorted(origin.name for origin in layout.values())).encode()).hexdigest()[:16]
    return ComponentSource(
        kind=kind,
        shown=shown or f"{file.path.name} ({TITLES[kind]})",
        architecture=architecture(module, config),
        content_id=f"{fingerprint_of(*file.paths)}|{names}",
        build=builder(module, config),
        tensors=lambda: RenamedTensors(file, layout),
    )


def load_component(source: ComponentSource, device: Device) -> torch.nn.Module:
    """The part on the device, in the device's dtype, ready to run. Weights that are missing or don't fit are an error, not a warning."""
    module = source.build()
    tensors = source.tensors()
    wanted = module.state_dict(keep_vars=True)
    require_all(source, wanted, tensors)
    loaded: dict[int, torch.Tensor] = {}
    for name, slot in wanted.items():
        # One by one, so that never more than one of them is in memory twice; names of one and the same tensor stay that.
        if id(slot) not in loaded:
            loaded[id(slot)] = _fitting(source, name, slot, tensors[name], device)
    module.load_state_dict({name: loaded[id(slot)] for name, slot in wanted.items()}, assign=True)
    module.eval().requires_grad_(False)
    return module.to(memory_format=device.memory_format(source.kind))  # pyright: ignore[reportCallIssue]


def require_all(source: ComponentSource, wanted: Iterable[str], present: Container[str]) -> None:
    """Raise CheckpointUnusable when a tensor of the module is not in the file."""
    missing = sorted(name for name in wanted if name not in present)
    if missing:
        raise CheckpointUnusable(f"{source.shown} lacks {len(missing)} tensors, the first is {missing[0]}.", hint=DOWNLOAD_AGAIN)


def _fitting(source: ComponentSource, name: str, slot: torch.Tensor, tensor: torch.Tensor, device: Device) -> torch.Tensor:
    if tensor.shape != slot.shape:
        raise CheckpointUnusable(
            f"{source.shown} does not fit its config: {name} is {tuple(tensor.shape)} there, and {tuple(slot.shape)} is expected.",
            hint=DOWNLOAD_AGAIN,
        )
    return tensor.to(device.torch_device, device.dtype if slot.is_floating_point() else slot.dtype)


def realise(source: CheckpointSource, device: Device) -> Family:
    """Load every part, or raise CheckpointUnusable."""
    return source.assemble({kind: load_component(part, device) for kind, part in source.components.items()}, device)
