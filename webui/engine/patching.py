"""What add-ons may change of a model while it draws, and that all of it is as before when they are done."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

from torch.nn import Module

from webui.engine.families.base import Family
from webui.engine.memory.loaded import DENOISER
from webui.engine.memory.measures import with_attributes


@dataclass(frozen=True)
class PatchableModel:
    """The denoiser of a pass. denoiser: its module (a U-Net or a transformer of diffusers); family: what it is of ("StableDiffusion").

    hires: which pass it is for. A weight is changed by putting another tensor in its place, never by writing into it.
    """

    denoiser: Module
    family: str
    hires: bool = False

    def replaced(self, module: Any, **attributes: Any) -> AbstractContextManager[None]:
        """These attributes of a module (`forward`, above all) for the block; after it those of before."""
        return with_attributes(module, **attributes)


def patchable(family: Family, *, hires: bool) -> PatchableModel:
    """The denoiser of a family, for add-ons."""
    return PatchableModel(family.modules[DENOISER], type(family).__name__, hires)


_HOOKS = ("_forward_hooks", "_forward_pre_hooks")


@contextmanager
def restored(module: Module, left: list[str]) -> Iterator[None]:
    """Within the block others change a module. After it weights, functions and hooks are those of before; what wasn't stands in `left`."""
    parts = dict(module.named_modules())
    weights = {name: dict(vars(part)["_parameters"]) | dict(vars(part)["_buffers"]) for name, part in parts.items()}
    functions = {name: vars(part).get("forward") for name, part in parts.items()}
    hooks = {name: {kind: dict(getattr(part, kind)) for kind in _HOOKS} for name, part in parts.items()}
    try:
        yield
    finally:
        for name, part in parts.items():
            for key, tensor in weights[name].items():
                table = vars(part)["_parameters"] if key in vars(part)["_parameters"] else vars(part)["_buffers"]
                if table.get(key) is not tensor:
                    left.append(f"{name}.{key}")
                    table[key] = tensor  # type: ignore[assignment]
            if vars(part).get("forward") is not functions[name]:
                left.append(f"{name}.forward")
                _put_back(part, functions[name])
            for kind in _HOOKS:
                table = getattr(part, kind)
                if dict(table) != hooks[name][kind]:
                    left.append(f"{name}{kind}")
                    table.clear()
                    table.update(hooks[name][kind])


def _put_back(part: Module, function: Any) -> None:
    if function is None:
        del vars(part)["forward"]
    else:
        vars(part)["forward"] = function
