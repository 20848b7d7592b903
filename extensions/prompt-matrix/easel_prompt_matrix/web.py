"""The script "Prompt matrix": a picture for each combination of the parts of a prompt, and the grid of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from easel_prompt_matrix.matrix import Matrix, alternatives, combinations, parts_of
from webui.errors import InvalidRequest
from webui.extensions import Checkbox, Choice, JobScript, Kept, Made, Part, Row, ScriptRun, hookimpl
from webui.extensions.easel import Script
from webui.generation.request import MAX_SEED, RANDOM_SEED, DrawnRequest
from webui.generation.resolve import LAST_RANDOM_SEED
from webui.pictures.labelled_grid import labelled_grid

MOST_PICTURES = 256
"""Eight parts that come and go."""

WAYS = {"Every combination": combinations, "One at a time": alternatives}
TEXTS = {"Prompt": "prompt", "Negative prompt": "negative_prompt"}
SEPARATORS = {"Commas": ", ", "Spaces": " "}


def _chosen(values: Mapping[str, Any], name: str, table: Mapping[str, Any]) -> Any:
    return table.get(str(values.get(name))) or next(iter(table.values()))


def matrix_of(request: DrawnRequest, values: Mapping[str, Any]) -> Matrix:
    """The matrix that is asked for. Raises InvalidRequest."""
    parts = parts_of(getattr(request, _chosen(values, "text", TEXTS)))
    way = _chosen(values, "way", WAYS)
    if len(parts) < 2:
        raise InvalidRequest(
            "The prompt has no parts.",
            field="prompt",
            hint="Put | between them, as in: a street | at night | in the rain. The first is always there.",
        )
    number = 2 ** (len(parts) - 1) if way is combinations else len(parts) - 1
    if number > MOST_PICTURES:
        raise InvalidRequest(
            f"The matrix has {number:,} pictures.",
            field="prompt",
            allowed=f"at most {MOST_PICTURES}",
            hint="Use fewer parts, or one at a time.",
        )
    return way(parts, _chosen(values, "separator", SEPARATORS), first_last=bool(values.get("first_last")))


def check(request: DrawnRequest, values: Mapping[str, Any]) -> None:
    """Raises InvalidRequest where there is no matrix to draw."""
    matrix_of(request, values)


def count(request: DrawnRequest, values: Mapping[str, Any]) -> int:
    """How many pictures the matrix has."""
    return len(matrix_of(request, values).variants)


def run(request: DrawnRequest, values: Mapping[str, Any], script: Script) -> ScriptRun:
    """Have each combination drawn, then keep the grid."""
    matrix, text = matrix_of(request, values), _chosen(values, "text", TEXTS)
    seed = script.random.randint(0, LAST_RANDOM_SEED) if request.seed == RANDOM_SEED else request.seed
    parts = []
    for number, one in enumerate(matrix.variants):
        own = (seed + number) % (MAX_SEED + 1) if values.get("vary_seed") else seed
        changes = {text: one.prompt, "seed": own, "batch_count": 1, "batch_size": 1}
        parts.append(Part(request.model_copy(update=changes), one.label, one.place))
    script.lay_out(matrix.columns, matrix.rows)
    made: Sequence[Made] = yield parts
    pictures = {one.place: became.pictures[0] for one, became in zip(matrix.variants, made, strict=True) if became.pictures}
    if not pictures:
        return None
    cells = [
        [picture and picture.open for x in range(len(matrix.columns)) for picture in [pictures.get((x, y))]]
        for y in range(len(matrix.rows))
    ]
    sizes = [picture.open().size for picture in pictures.values()]
    columns, rows = (labels if any(labels) else () for labels in (matrix.columns, matrix.rows))
    size = max(width for width, _ in sizes), max(height for _, height in sizes)
    return Kept(labelled_grid(cells, size, columns=columns, rows=rows), "prompt-matrix", texts={"prompt-matrix": getattr(request, text)})


@hookimpl
def job_scripts() -> JobScript:
    """The script."""
    return JobScript(
        "Prompt matrix",
        [
            Row([Choice(name="way", label="Draw", choices=tuple(WAYS)), Choice(name="text", label="Parts of the", choices=tuple(TEXTS))]),
            Row(
                [
                    Choice(name="separator", label="Joined by", choices=tuple(SEPARATORS)),
                    Checkbox(name="first_last", label="First part last", help="What is always there stands behind the other parts."),
                    Checkbox(name="vary_seed", label="A seed for each picture"),
                ]
            ),
        ],
        run,
        help="Put | between parts of the prompt: the first is always there, the others come and go.",
        key="matrix",
        count=count,
        check=check,
    )
