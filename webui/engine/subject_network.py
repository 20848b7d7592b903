"""Networks that find the subject of a picture: U²-Net and IS-Net, with the names of the published files.

Sources: Qin et al., U2-Net: Going Deeper with Nested U-Structure for Salient Object Detection, 2020 (github.com/xuebinqin/U-2-Net);
Qin et al., Highly Accurate Dichotomous Image Segmentation, 2022 (github.com/xuebinqin/DIS), which RMBG-1.4 has the layers of, too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import torch
from torch import nn
from torch.nn import functional

STAGES: Mapping[str, tuple[int, bool]] = MappingProxyType(
    {
        **{
            "stage1": (7, False),
            "stage2": (6, False),
            "stage3": (5, False),
            "stage4": (4, False),
            "stage5": (4, True),
            "stage6": (4, True),
        },
        **{"stage5d": (4, True), "stage4d": (4, False), "stage3d": (5, False), "stage2d": (6, False), "stage1d": (7, False)},
    }
)
"""Name -> how many levels its block has, and whether it is flat (see ResidualBlock); in the order in which they are asked."""

_DEEPEST = 6


def _smaller(x: torch.Tensor) -> torch.Tensor:
    return functional.max_pool2d(x, 2, stride=2, ceil_mode=True)


def _as_large(x: torch.Tensor, as_: torch.Tensor) -> torch.Tensor:
    size = as_.shape[-2:]
    return x if x.shape[-2:] == size else functional.interpolate(x, size, mode="bilinear")


class _Convolution(nn.Module):
    def __init__(self, inputs: int, outputs: int, dilation: int = 1) -> None:
        super().__init__()
        self.conv_s1 = nn.Conv2d(inputs, outputs, 3, padding=dilation, dilation=dilation)
        self.bn_s1 = nn.BatchNorm2d(outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return functional.relu(self.bn_s1(self.conv_s1(x)))


class ResidualBlock(nn.Module):
    """RSU: a small U-Net whose answer is added to what goes into it.

    widths: channels that go in, that are in between, and that come out. flat: it looks further by dilation instead of by shrinking.
    """

    def __init__(self, widths: Sequence[int], levels: int, flat: bool) -> None:
        super().__init__()
        inputs, between, outputs = widths
        self._levels, self._flat = levels, flat
        self.rebnconvin = _Convolution(inputs, outputs)
        for level in range(1, levels + 1):
            dilation = 2 ** (level - 1) if flat else 2 if level == levels else 1
            self.add_module(f"rebnconv{level}", _Convolution(between if level > 1 else outputs, between, dilation))
        for level in range(levels - 1, 0, -1):
            dilation = 2 ** (level - 1) if flat else 1
            self.add_module(f"rebnconv{level}d", _Convolution(2 * between, between if level > 1 else outputs, dilation))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, inputs, height, width) -> (batch, outputs, height, width)."""
        x = begun = self.rebnconvin(x)
        seen: list[torch.Tensor] = []
        for level in range(1, self._levels + 1):
            # The last level looks twice as far in place of shrinking once more.
            shrinks = not self._flat and 1 < level < self._levels
            x = self.get_submodule(f"rebnconv{level}")(_smaller(x) if shrinks else x)
            seen.append(x)
        for level in range(self._levels - 1, 0, -1):
            beside = seen[level - 1]
            x = self.get_submodule(f"rebnconv{level}d")(torch.cat((_as_large(x, beside), beside), 1))
        return x + begun


class SubjectNetwork(nn.Module):
    """A U-Net of such blocks. widths: of each stage, by its name. entry: channels of the convolution before them that halves the picture
    (IS-Net); 0: there is none, and the answers of all depths are weighed against each other at the end (U²-Net)."""

    def __init__(self, widths: Mapping[str, Sequence[int]], entry: int) -> None:
        super().__init__()
        if entry:
            self.conv_in = nn.Conv2d(3, entry, 3, stride=2, padding=1)
        for name, (levels, flat) in STAGES.items():
            self.add_module(name, ResidualBlock(widths[name], levels, flat))
        depths = 1 if entry else _DEEPEST
        for depth in range(1, depths + 1):
            name = "stage6" if depth == _DEEPEST else f"stage{depth}d"
            self.add_module(f"side{depth}", nn.Conv2d(widths[name][2], 1, 3, padding=1))
        if not entry:
            self.outconv = nn.Conv2d(_DEEPEST, 1, 1)
        self._entry = entry

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> SubjectNetwork:
        """The network that `webui.engine.loading.subject.subject_config` describes."""
        return cls(**config)

    @property
    def halves(self) -> bool:
        """Whether it is an IS-Net."""
        return bool(self._entry)

    def forward(self, picture: torch.Tensor) -> torch.Tensor:
        """(batch, 3, height, width) -> which share of each pixel is the subject (batch, 1, height, width), 0 to 1."""
        x = self.conv_in(picture) if self._entry else picture
        seen = [self.get_submodule("stage1")(x)]
        for depth in range(2, _DEEPEST + 1):
            seen.append(self.get_submodule(f"stage{depth}")(_smaller(seen[-1])))
        made = [seen[-1]]
        for depth in range(_DEEPEST - 1, 0, -1):
            beside = seen[depth - 1]
            made.append(self.get_submodule(f"stage{depth}d")(torch.cat((_as_large(made[-1], beside), beside), 1)))
        answers = [self.get_submodule(f"side{depth}")(made[-depth]) for depth in range(1, 2 if self._entry else _DEEPEST + 1)]
        if self._entry:
            return torch.sigmoid(_as_large(answers[0], picture))
        return torch.sigmoid(self.outconv(torch.cat([_as_large(answer, answers[0]) for answer in answers], 1)))
