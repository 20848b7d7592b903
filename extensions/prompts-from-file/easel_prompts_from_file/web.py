"""The script "Prompts from a file": a picture for each line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from easel_prompts_from_file.lines import WITHOUT_EFFECT, read_lines, request_of
from webui.errors import InvalidRequest
from webui.extensions import Choice, JobScript, Part, ScriptRun, Text, hookimpl
from webui.extensions.easel import Script
from webui.generation.request import MAX_SEED, RANDOM_SEED, DrawnRequest
from webui.generation.resolve import LAST_RANDOM_SEED

PLACES = {"Instead of the prompt": "instead", "Before the prompt": "start", "Behind the prompt": "end"}
SEEDS = ("The page's for every line", "Counted up from the page's", "Random for every line")

_LONGEST = 200_000


def parts_of(request: DrawnRequest, values: Mapping[str, Any], random_seed: int) -> list[Part]:
    """A part for each line. random_seed: in place of a random one where lines share it. Raises InvalidRequest that names the line."""
    lines = read_lines(str(values.get("prompts") or ""))
    if not lines:
        raise InvalidRequest("There are no prompts.", field="prompts", hint="Write one on each line, or drop a text file on the field.")
    where = PLACES.get(str(values.get("place")), "instead")
    seeds = values.get("seeds") or SEEDS[0]
    base = request.model_copy(update={"seed": random_seed}) if request.seed == RANDOM_SEED else request
    parts, seed = [], base.seed
    for line in lines:
        own = base if seeds == SEEDS[0] else base.model_copy(update={"seed": RANDOM_SEED if seeds == SEEDS[2] else seed % (MAX_SEED + 1)})
        asked = request_of(line, own, where)
        seed += asked.picture_count
        parts.append(Part(asked, f"Line {line.number}: {asked.prompt[:60]}"))
    return parts


def check(request: DrawnRequest, values: Mapping[str, Any]) -> None:
    """Raises InvalidRequest that names the line at fault."""
    parts_of(request, values, 0)


def count(request: DrawnRequest, values: Mapping[str, Any]) -> int:
    """How many lines there are."""
    return len(parts_of(request, values, 0))


def run(request: DrawnRequest, values: Mapping[str, Any], script: Script) -> ScriptRun:
    """Have each line drawn."""
    parts = parts_of(request, values, script.random.randint(0, LAST_RANDOM_SEED))
    left_out = dict.fromkeys(name for line in read_lines(str(values["prompts"])) for name in line.left_out)
    if left_out:
        script.tell("Without effect: " + "; ".join(f"--{name} ({WITHOUT_EFFECT[name]})" for name in left_out))
    yield parts
    return None


@hookimpl
def job_scripts() -> JobScript:
    """The script."""
    return JobScript(
        "Prompts from a file",
        [
            Text(
                name="prompts",
                label="Prompts",
                lines=8,
                longest=_LONGEST,
                placeholder='a fox in the snow\n--prompt "a red fox" --steps 30 --seed 7',
                help="One on each line. Or options, as AUTOMATIC1111 has them: --prompt, --negative_prompt, --steps, "
                "--seed, --cfg_scale, --sampler_name, --width, --height, --sd_model, and any other field by its name.",
            ),
            Choice(name="place", label="Words of a line go", choices=tuple(PLACES)),
            Choice(name="seeds", label="Seed", choices=SEEDS),
        ],
        run,
        help="A picture for each line of a text.",
        key="lines",
        count=count,
        check=check,
    )
