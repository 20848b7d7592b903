"""The state of a run on disk: weights and what the optimizer remembers of them. Tensors and a number, so nothing in it can be executed."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from webui.durable import write_durably
from webui.engine.training.network import Network
from webui.errors import DataUnusable

_STEP = "step"
_WEIGHT = "weight"
MOMENTS = ("exp_avg", "exp_avg_sq")
"""What AdamW remembers of each weight beside the number of steps."""


def save_state(path: Path, network: Network, optimizer: torch.optim.AdamW, step: int) -> None:
    """Write it: the old file or the new one is there, whatever happens. step: how many are done. Raises OSError."""
    tensors = {}
    for name, _, weight in network.named_parameters():
        # Nothing is remembered of a layer whose answer nobody asks for, as of the last one of SDXL's first text encoder.
        remembered = optimizer.state.get(weight) or {}
        tensors[f"{_WEIGHT} {name}"] = weight.detach()
        for what in MOMENTS:
            tensors[f"{what} {name}"] = remembered[what] if what in remembered else torch.zeros_like(weight)
    write_durably(path, save({name: tensor.cpu().contiguous() for name, tensor in tensors.items()}, {_STEP: str(step)}))


def restore_state(path: Path, network: Network, optimizer: torch.optim.AdamW) -> int:
    """Bring network and optimizer to where `save_state` was called. Returns how many steps are done; 0 where nothing is saved yet.

    Raises DataUnusable for a file that is damaged or of another run.
    """
    if not path.exists():
        return 0
    try:
        with safe_open(path, framework="pt") as file:
            step = int((file.metadata() or {})[_STEP])
            for name, _, weight in network.named_parameters():
                weight.data.copy_(file.get_tensor(f"{_WEIGHT} {name}"))
                optimizer.state[weight] = {
                    "step": torch.tensor(float(step)),
                    **{what: file.get_tensor(f"{what} {name}").to(weight.device) for what in MOMENTS},
                }
    except (SafetensorError, KeyError, ValueError, RuntimeError, OSError) as error:
        detail = " ".join(str(error).split())[:200]
        raise DataUnusable(f"The saved state of this run can't be read ({detail}).", hint="Remove the run, and train anew.") from error
    return step
