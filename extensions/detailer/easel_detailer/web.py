"""The panel "Detailer"; what it asks for is done in the worker process."""

from __future__ import annotations

from collections.abc import Sequence

from easel_detailer import asked as asking
from easel_detailer.asked import ID, ORDERS, PAINTED, WHERE
from webui.extensions import Checkbox, Choice, Detector, Group, Markdown, Mask, Number, Panel, Row, Slider, Text, hookimpl


@hookimpl
def detectors() -> list[Detector]:
    """The names of its detectors, for other add-ons; the worker has what finds."""
    return [Detector(name) for name in asking.detectors()]


@hookimpl
def panel(detectors: Sequence[str]) -> Panel:
    """A section on the pages that draw. detectors: those of all add-ons."""
    known = [*asking.detectors(), *(name for name in detectors if not name.startswith(f"{ID}/"))]
    return Panel(
        "Detailer",
        [
            Checkbox(name="enabled", label="On"),
            Choice(
                name="detector",
                label="Find with",
                choices=(*known, PAINTED),
                help="A detector of models/detectors or of an add-on, or a region that you paint.",
            ),
            *([] if known else [Markdown(text=WHERE)]),
            Mask(name="mask", label="Painted region", help=f"Where {PAINTED} is chosen."),
            Row(
                [
                    Slider(
                        name="confidence", label="Confidence", default=0.3, minimum=0.05, maximum=1, help="How sure the detector has to be."
                    ),
                    Slider(name="number", label="At most", default=4, minimum=1, maximum=20, step=1, unit="findings"),
                ]
            ),
            Text(
                name="prompt",
                label="Words for a part",
                lines=2,
                placeholder="the same",
                help="For what is drawn again. [SEP] between those of several findings; [PROMPT]: the picture's own; [SKIP]: leave it.",
            ),
            Text(name="negative_prompt", label="Words against it", placeholder="the same"),
            Slider(name="strength", label="Strength of a part", default=0.4, help="How much of it is drawn anew."),
            Group(
                "More",
                [
                    Text(name="labels", label="Only", placeholder="all", help="Labels that count, between commas, as face, hand."),
                    Choice(name="order", label="Order", choices=ORDERS),
                    Row(
                        [
                            Slider(name="least", label="Smallest", default=0, help="Share of the picture."),
                            Slider(name="most", label="Largest", default=1, help="Share of the picture."),
                        ]
                    ),
                    Row(
                        [
                            Number(name="size", label="Drawn at", default=512, minimum=64, maximum=2048, step=8, unit="px"),
                            Number(
                                name="steps",
                                label="Steps of a part",
                                default=0,
                                minimum=0,
                                maximum=150,
                                step=1,
                                help="0: the picture's own.",
                            ),
                        ]
                    ),
                    Row(
                        [
                            Number(name="grow", label="Grow", default=4, minimum=-64, maximum=256, step=1, unit="px"),
                            Number(name="blur", label="Soft edge", default=4, minimum=0, maximum=64, step=1, unit="px"),
                            Number(name="padding", label="Seen around", default=32, minimum=0, maximum=256, step=1, unit="px"),
                        ]
                    ),
                ],
                opened=False,
            ),
        ],
        switch="enabled",
    )
