"""The section on the page."""

from webui.extensions import Panel, Slider, Text, hookimpl


@hookimpl
def panel() -> Panel:
    """The words, and how large they are."""
    return Panel(
        "Watermark",
        [
            Text(name="words", label="Words", help="Nothing is drawn while this is empty."),
            Slider(name="size", label="Size", default=3, minimum=1, maximum=10, step=0.5, help="In percent of the picture's height."),
        ],
    )
