"""Samplers: how each step is taken. One function each, all in sigma space: x = x0 + sigma * noise (see NoisePath for flow models).

Numbers that only depend on the sigmas are plain Python floats, so a step costs a handful of tensor operations
and never waits for the device. The conventions are those of k-diffusion
(https://github.com/crowsonkb/k-diffusion), which AUTOMATIC1111 uses, so seeds move over.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from webui.engine.samplers import ddim, dpm, dpmpp, multistep, one_step
from webui.engine.samplers.run import Denoise, NoisePath, NoiseSource, SampleFunction, SamplerOptions, SamplerRun

SAMPLE_FUNCTIONS: Mapping[str, SampleFunction] = MappingProxyType(
    {
        "DPM++ 2M": dpmpp.dpmpp_2m,
        "DPM++ SDE": dpmpp.dpmpp_sde,
        "DPM++ 2M SDE": dpmpp.dpmpp_2m_sde,
        "DPM++ 2M SDE Heun": dpmpp.dpmpp_2m_sde_heun,
        "DPM++ 2S a": dpmpp.dpmpp_2s_ancestral,
        "DPM++ 3M SDE": dpmpp.dpmpp_3m_sde,
        "Euler a": one_step.euler_ancestral,
        "Euler": one_step.euler,
        "LMS": multistep.lms,
        "Heun": one_step.heun,
        "DPM2": one_step.dpm_2,
        "DPM2 a": one_step.dpm_2_ancestral,
        "DPM fast": dpm.dpm_fast,
        "DPM adaptive": dpm.dpm_adaptive,
        "Restart": one_step.restart,
        "DDIM": ddim.ddim,
        "DDIM CFG++": ddim.ddim_cfgpp,
        "PLMS": multistep.plms,
        "UniPC": multistep.unipc,
        "LCM": ddim.lcm,
        "HeunPP2": one_step.heunpp2,
        "IPNDM": multistep.ipndm,
        "DEIS": multistep.deis,
        "DDPM": ddim.ddpm,
        "TCD": ddim.tcd,
    }
)
"""Label (webui.generation.samplers) -> function."""

__all__ = ["SAMPLE_FUNCTIONS", "Denoise", "NoisePath", "NoiseSource", "SampleFunction", "SamplerOptions", "SamplerRun"]
