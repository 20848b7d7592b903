"""Run as a program of its own, which has torch: a model's folder and a picture's file in, words out, as JSON on stdout.

    python describing.py FOLDER PICTURE [TOKENS]

Only safetensors are read, no code of the folder is run, and nothing is fetched.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any


def describe(folder: Path, picture: Path, tokens: int) -> str:
    """What the picture shows. Raises what transformers raises for a folder that it can't use."""
    import torch
    from PIL import Image
    from transformers import AutoModelForImageTextToText, AutoProcessor

    torch.set_num_threads(max(1, min(4, torch.get_num_threads())))
    safe: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    processor: Any = AutoProcessor.from_pretrained(folder, **safe)
    model: Any = AutoModelForImageTextToText.from_pretrained(folder, use_safetensors=True, **safe).eval()
    with Image.open(picture) as opened, torch.inference_mode():
        asked = processor(images=opened.convert("RGB"), return_tensors="pt")
        made = model.generate(**asked, max_new_tokens=tokens, num_beams=3)
    return str(processor.batch_decode(made, skip_special_tokens=True)[0]).strip()


def main() -> None:
    """Say it, or what went wrong."""
    folder, picture, tokens = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else 40
    try:
        told = {"words": describe(folder, picture, tokens)}
    except Exception as error:  # noqa: BLE001 - a folder may make transformers raise anything, and all of it is told
        told = {"error": f"{type(error).__name__}: {(str(error).splitlines() or [''])[0][:300]}"}
    print(json.dumps(told))


if __name__ == "__main__":
    main()
