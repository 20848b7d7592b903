"""A typed client of Easel's own API, for programs: it needs httpx, httpx-sse and pydantic, and nothing of the server.

from webui.client import Easel, Txt2Img

with Easel("http://127.0.0.1:7860") as easel:
    job = easel.make(Txt2Img(prompt="a red apple", seed=7))
    easel.save(job.images[0], "apple.png")
"""

from webui.client.easel import USUAL_ADDRESS, AnyRequest, AsyncEasel, Easel, Event
from webui.client.errors import Busy, Conflict, DiskFull, EaselError, Invalid, JobFailed, NotAllowed, NotFound, TookTooLong, Unreachable
from webui.client.models import (
    ColourStep,
    ControlUnit,
    CutOutStep,
    FormatStep,
    Image,
    Img2Img,
    Inpaint,
    Job,
    Region,
    ResizeStep,
    SharpenStep,
    StoredImage,
    Txt2Img,
    Upscale,
    UpscaleStep,
)

__all__ = [
    "USUAL_ADDRESS",
    "AnyRequest",
    "AsyncEasel",
    "Busy",
    "ColourStep",
    "Conflict",
    "ControlUnit",
    "CutOutStep",
    "DiskFull",
    "Easel",
    "EaselError",
    "Event",
    "FormatStep",
    "Image",
    "Img2Img",
    "Inpaint",
    "Invalid",
    "Job",
    "JobFailed",
    "NotAllowed",
    "NotFound",
    "Region",
    "ResizeStep",
    "SharpenStep",
    "StoredImage",
    "TookTooLong",
    "Txt2Img",
    "Unreachable",
    "Upscale",
    "UpscaleStep",
]
