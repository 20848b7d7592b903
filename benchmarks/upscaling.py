"""An upscaler in tiles beside the same one called plainly by spandrel, side by side in one run; and its memory by size of picture.

    python -m benchmarks.upscaling [--side 1024] [--sides 512 1024 2048] [--tile 0] [--rounds 3] [--threads 2] [--features 32] [--layers 8]

A x2 upscaler (spandrel's Compact) with random weights. Printed are the seconds of both, how much more the tiles compute because they
overlap, and what time costs beyond that: 1.00 is nothing, 1.05 the aim. Turns are interleaved; the least of each counts. Then,
for each side, the peak of memory beside what was there before, and what is left of it after 3 bytes for each pixel that comes out:
that rest is not to grow with the picture. Timings mean something only on a machine that does nothing else; the load is
printed beside them.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file

from benchmarks.channels import best
from webui.engine.device import MB, Device, open_device, use_threads
from webui.engine.loading.upscaler import UpscalerModel, open_upscaler
from webui.engine.memory.meter import give_back, keep_freed_memory, peak_of
from webui.engine.upscale import Way, enlarged_pixels, plan_way, step_of
from webui.planning.tiles import Tiling, overlap_cost


def make(folder: Path, features: int, layers: int) -> UpscalerModel:
    from spandrel.architectures.Compact import Compact

    torch.manual_seed(0)
    path = folder / "upscaler.safetensors"
    save_file(Compact(num_in_ch=3, num_out_ch=3, num_feat=features, num_conv=layers, upscale=2).state_dict(), path)
    return open_upscaler(path).load()


def picture(side: int) -> Image.Image:
    values = np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8)
    return Image.fromarray(values, "RGB")


def way_of(model: UpscalerModel, side: int, tile: int, device: Device) -> Way:
    way = plan_way(model, (side, side), (2 * side, 2 * side), Tiling(tile, 0), device)
    # Where it would go through whole there would be nothing to compare: then in four.
    return way if any(one.tile for one in way.tilings) else replace(way, tilings=(Tiling(max(side // 2 + 16, 64), 32),))


def plainly(model: UpscalerModel, source: Image.Image) -> Any:
    image = torch.from_numpy(np.array(source)).permute(2, 0, 1)[None].float() / 255
    return (model.descriptor(image)[0].permute(1, 2, 0) * 255).round().to(torch.uint8).numpy()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", type=int, default=1024)
    parser.add_argument("--sides", type=int, nargs="+", default=[512, 1024, 2048])
    parser.add_argument("--tile", type=int, default=0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--features", type=int, default=32)
    parser.add_argument("--layers", type=int, default=8)
    arguments = parser.parse_args()
    use_threads(arguments.threads)
    keep_freed_memory()
    device = open_device("cpu", "float32")
    with tempfile.TemporaryDirectory() as folder:
        model = make(Path(folder), arguments.features, arguments.layers)
    print(f"{arguments.threads} threads; load {os.getloadavg()[0]:.2f}; {model.bytes_per_pixel / 1024:.1f} KB for a pixel at a time")
    source, way = picture(arguments.side), way_of(model, arguments.side, arguments.tile, device)
    apart = np.abs(enlarged_pixels(way, source, device, lambda: None).astype(int) - plainly(model, source)).max()
    plain, tiled = best(arguments.rounds, lambda: plainly(model, source), lambda: enlarged_pixels(way, source, device, lambda: None))
    more = overlap_cost(way.sizes[0], way.tilings[0], step_of(model))
    tiles = f"{way.tiles} tiles of {way.tilings[0].tile} px"
    print(f"{arguments.side} px: plainly {plain:.3f} s, in {tiles} {tiled:.3f} s: {tiled / plain:.3f} times")
    print(f"  computed because tiles overlap {more:.3f} times, so the rest costs {tiled / plain / more:.3f}; at most {apart}/255 apart")
    for side in arguments.sides:
        source, way = picture(side), way_of(model, side, arguments.tile, device)
        give_back()
        with peak_of(device.torch_device) as measured:
            made = enlarged_pixels(way, source, device, lambda: None)
        rest = (measured.bytes - made.nbytes) / MB
        print(f"{side} px: at most {measured.bytes / MB:.0f} MB more, {made.nbytes / MB:.0f} MB of it the picture, the rest {rest:.0f} MB")
        del made


if __name__ == "__main__":
    main()
