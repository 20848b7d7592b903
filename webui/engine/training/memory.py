"""Whether a run has the memory that it takes, told before its first step.

What a U-Net keeps for the way back is not guessed but counted: it goes forward once without weights or numbers (on torch's meta device),
and every tensor that it would keep is added up.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch.autograd.graph import saved_tensors_hooks
from torch.overrides import TorchFunctionMode

from webui.engine.loading.component import CheckpointSource
from webui.engine.memory.loaded import DENOISER
from webui.engine.training.bench import Bench
from webui.engine.training.captions import encode_caption
from webui.engine.training.network import put_on
from webui.errors import EaselError
from webui.training.pictures import Size
from webui.training.recipe import Train

MARGIN = 1.25
"""What is counted times this is planned with: the way back needs room for its own intermediate results."""

BYTES_PER_WEIGHT = 16
"""Of each trained number: itself, its gradient, and two that the optimizer remembers, fp32."""

_AGAIN = ("ResnetBlock2D", "BasicTransformerBlock")
"""Parts that diffusers' gradient checkpointing computes a second time instead of keeping what is in them."""

_GB = 1000**3


class TooLittleMemory(EaselError):
    """A run needs more memory than there is."""

    code = "too_little_memory"
    status = 507


@dataclass(frozen=True)
class Kept:
    """Bytes kept for the way back by one picture of a size. whole: as it is. again: with gradient checkpointing."""

    whole: int
    again: int


def require_room(source: CheckpointSource, bench: Bench, recipe: Train, size: Size) -> bool:
    """Whether gradients have to be checkpointed so that training fits. size: of the largest pictures.

    Raises TooLittleMemory, saying what to lower.
    """
    device = bench.device
    kept, trained = counted(source, bench, recipe, size)
    parts = [module for kind, module in bench.modules.items() if kind == DENOISER or (recipe.text_encoder and kind.startswith("text"))]
    weights = sum(tensor.nbytes for module in parts for tensor in module.parameters()) if device.copies else 0
    free = device.free_bytes() - device.reserve
    fixed = weights + trained * BYTES_PER_WEIGHT
    for again in (False, True):
        if fixed + recipe.batch_size * MARGIN * (kept.again if again else kept.whole) <= free:
            return again
    need = fixed + recipe.batch_size * MARGIN * kept.again
    raise TooLittleMemory(
        f"Training this takes about {need / _GB:.1f} GB of memory, and {max(free, 0) / _GB:.1f} GB are free.",
        field="batch_size" if recipe.batch_size > 1 else "resolution",
        hint=_way_out(recipe, size, free - fixed, MARGIN * kept.again),
    )


def _way_out(recipe: Train, size: Size, left: float, each: float) -> str:
    """What to lower, and how far. left: bytes for activations. each: that one picture takes."""
    pictures = int(left // each) if left > 0 else 0
    if pictures >= 1:
        return f"Lower the batch size to {pictures}."
    side = int((size[0] * size[1] * left / each) ** 0.5) // 64 * 64 if left > 0 else 0
    lower = "the batch size to 1 and " if recipe.batch_size > 1 else ""
    if side >= 64:
        return f"Lower {lower}the resolution to {side}."
    return "Close other programs, unload models on the Models page, or train on a smaller checkpoint."


def counted(source: CheckpointSource, bench: Bench, recipe: Train, size: Size) -> tuple[Kept, int]:
    """What one picture of a size keeps, and how many numbers of the denoiser's LoRA are trained."""
    family = bench.family
    # By torch's own way: diffusers' one warns of what doesn't matter to shapes.
    unet: Any = torch.nn.Module.to(source.components[DENOISER].build(), family.dtype)
    network = put_on({DENOISER: unet}, rank=recipe.rank, alpha=recipe.alpha, text_encoders=False, seed=0)
    channels, height, width = family.latent_shape(*size)
    latents = torch.empty(1, channels, height, width, device="meta")
    with torch.no_grad():
        words = encode_caption(family, "", recipe.clip_skip).map(lambda tensor: torch.empty_like(tensor, device="meta"))
    tally = _Tally(unet)
    with saved_tensors_hooks(tally.pack, lambda packed: packed), _FusedAttention():
        unet(
            latents.to(family.dtype),
            torch.zeros(1, device="meta"),
            encoder_hidden_states=words.tokens,
            added_cond_kwargs=family.added(latents, words),
            return_dict=False,
        )
    return tally.kept, sum(weight.numel() for _, _, weight in network.named_parameters())


class _Tally:
    """Adds up what is kept, each storage once, weights left out."""

    def __init__(self, module: torch.nn.Module) -> None:
        """Also tells the parts of the module apart that gradient checkpointing computes again."""
        self._seen = {_storage(weight): weight for weight in (*module.parameters(), *module.buffers())}
        self._unit: int | None = None
        self._units: list[int] = []
        self._outside = 0
        self._inputs = 0
        for part in module.modules():
            if type(part).__name__ in _AGAIN:
                part.register_forward_pre_hook(self._begin)
                part.register_forward_hook(self._end)

    def pack(self, tensor: torch.Tensor) -> torch.Tensor:
        """Count a tensor that is kept."""
        key = _storage(tensor)
        if key not in self._seen:
            # Held on to, so that no other storage gets its place.
            self._seen[key] = tensor
            nbytes = tensor.untyped_storage().nbytes()
            if self._unit is None:
                self._outside += nbytes
            else:
                self._units[self._unit] += nbytes
        return tensor

    @property
    def kept(self) -> Kept:
        """The sums."""
        return Kept(self._outside + sum(self._units), self._outside + self._inputs + max(self._units, default=0))

    def _begin(self, part: torch.nn.Module, inputs: tuple[Any, ...]) -> None:
        self._unit = len(self._units)
        self._units.append(0)
        self._inputs += inputs[0].nbytes

    def _end(self, part: torch.nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        self._unit = None


def _storage(tensor: torch.Tensor) -> int:
    return tensor.untyped_storage()._cdata  # pyright: ignore[reportPrivateUsage, reportAttributeAccessIssue]


class _Attention(torch.autograd.Function):
    """Keeps what fused kernels keep: queries, keys, values and the answer, but no table of all pairs."""

    @staticmethod
    def forward(ctx: Any, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
        answer = query.new_empty(*query.shape[:-1], value.shape[-1])
        ctx.save_for_backward(query, key, value, answer)
        return answer

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> Any:
        raise NotImplementedError("there is no way back without numbers")


class _FusedAttention(TorchFunctionMode):
    """On the meta device torch would take the plain way, which no device here takes."""

    def __torch_function__(self, function: Callable[..., Any], types: Any, arguments: Any = (), options: Any = None) -> Any:
        if function is torch.nn.functional.scaled_dot_product_attention:
            return _Attention.apply(*arguments[:3])
        return function(*arguments, **(options or {}))
