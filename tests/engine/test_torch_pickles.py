"""Files that torch itself wrote, looked into without torch."""

from pathlib import Path

import pytest
import torch

from webui.catalog.detect import identify
from webui.catalog.pickles import inspect_pickle


@pytest.mark.parametrize("new_form", [True, False])
def test_what_torch_saves_is_told_without_torch(tmp_path: Path, new_form: bool) -> None:
    numbers = torch.ones(4, 768)
    content = {"string_to_token": {"*": 265}, "string_to_param": {"*": torch.nn.Parameter(numbers)}, "name": "cat", "step": 7}
    torch.save(content, tmp_path / "cat.pt", _use_new_zipfile_serialization=new_form)
    embedding = inspect_pickle(tmp_path / "cat.pt")
    assert {key: info.shape for key, info in embedding.header.tensors.items()} == {"string_to_param.*": (4, 768)}
    assert embedding.header.metadata == {"name": "cat"}
    assert embedding.foreign == ()
    assert (identify(embedding.header).kind, identify(embedding.header).family) == ("embedding", "sd1")

    weights = {"params_ema": {"conv_first.weight": numbers.half(), "body.0.rdb1.conv1.weight": numbers.bfloat16()}}
    torch.save(weights, tmp_path / "x4.pth", _use_new_zipfile_serialization=new_form)
    upscaler = inspect_pickle(tmp_path / "x4.pth")
    assert [info.dtype for info in upscaler.header.tensors.values()] == ["F16", "BF16"]
    assert (identify(upscaler.header).kind, identify(upscaler.header).version) == ("upscaler", "ESRGAN")

    modules = {"parameters": torch.nn.ParameterDict({"*": torch.nn.Parameter(numbers)})}
    torch.save(modules, tmp_path / "module.pt", _use_new_zipfile_serialization=new_form)
    found = inspect_pickle(tmp_path / "module.pt")
    assert {key: info.shape for key, info in found.header.tensors.items()} == {"parameters.*": (4, 768)}
    assert found.foreign == ("torch.nn.modules.container.ParameterDict",)
