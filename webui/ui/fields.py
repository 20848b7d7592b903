"""The table between the fields of a request and the components that show them.

Names cross this border, never positions: a handler gets one dict keyed by component and answers with one,
and scripts speak of fields by name. Labels, bounds and help come from the declaration in `webui.generation.request`.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any, TypeVar

from gradio.blocks import Block
from gradio.components import Component

from webui.errors import InvalidRequest
from webui.generation.request import (
    RANDOM_SEED,
    REQUEST_TYPES,
    GenerationRequest,
    Img2Img,
    Inpaint,
    Txt2Img,
    parameters_of,
    parse_request,
)
from webui.pictures.outpainting import SIDE_FIELDS

SEEDS = ("seed", "variation_seed")
"""Fields that are shown as text, empty for random, because a number field of a browser loses digits beyond 2**53."""

AS_JSON = ("controls", "regions", "finishing")
"""Fields that a script of ours shows; their component holds JSON."""

ADD_ON_VALUES = "extensions"
"""So is this one, which is an object: the values of add-ons' panels."""

NAMES = ("styles",)
"""Fields that are lists of names, one a line in their (hidden) component."""

OF_SOURCE = {"source_denoising_strength": "denoising_strength"}
"""Fields that stand twice on the page, since a picture that one starts from and a hires pass want them each for itself:
name of the former on the page -> field of the request."""

_FROM_PICTURE = {name: info for kind in (Img2Img, Inpaint) for name, info in parameters_of(kind).items()}
PARAMETERS = {**_FROM_PICTURE, **parameters_of(Txt2Img), **{name: _FROM_PICTURE[field] for name, field in OF_SOURCE.items()}}
"""What every field of the page is, whatever kind of request it belongs to."""

AnyComponent = TypeVar("AnyComponent", bound=Component)


def unchecked(component: AnyComponent) -> AnyComponent:
    """Leave the checking of a value to `parse_request`, which knows the field and the way out.

    Gradio's own check raises before the handler runs, and its message names neither. (Set on the object, since
    Gradio writes a stub file beside the source of every class that is derived from one of its components.)
    """
    component.preprocess = lambda payload: payload
    return component


def source_of(request: GenerationRequest) -> dict[str, Any]:
    """The kind of a request, the pictures that it starts from, and by how much they are extended, by name: what a canvas holds."""
    return request.model_dump(include={"kind", "init_image", "mask", *SIDE_FIELDS})


def _field_of(name: str, request_type: type[GenerationRequest]) -> str | None:
    """Which field of such a request a name on the page stands for; None where it has none."""
    hidden = OF_SOURCE if issubclass(request_type, Txt2Img) else OF_SOURCE.values()
    if name in hidden:
        return None
    field = OF_SOURCE.get(name, name)
    return field if field in request_type.model_fields else None


class Fields:
    """Which component shows which field. `usual`: what a field starts with where that isn't its declared default."""

    def __init__(self, usual: Mapping[str, Any]) -> None:
        self.components: dict[str, Component] = {}
        self._usual = usual

    def start(self, name: str) -> Any:
        """What a field's component starts with on a first visit."""
        return shown(name, self._usual.get(name, PARAMETERS[name].default))

    def add(self, name: str, component: AnyComponent) -> AnyComponent:
        """Let `component` show the field `name` from now on."""
        self.components[name] = component
        return component

    @property
    def names(self) -> list[str]:
        """All field names, in the order in which `outputs` lists their components."""
        return list(self.components)

    @property
    def outputs(self) -> list[Component]:
        """All components, for events that set fields."""
        return list(self.components.values())

    @property
    def inputs(self) -> set[Block]:
        """All components, for events whose handler takes one dict."""
        return {*self.components.values()}

    def read(self, values: Mapping[Component, Any], source: Mapping[str, Any], over: GenerationRequest | None = None) -> GenerationRequest:
        """The request that the page shows; what the page has no field for is kept from `over`.

        source: the kind of request, and the pictures that it starts from. Raises InvalidRequest naming the field at fault.
        """
        data: dict[str, Any] = {**(over.model_dump() if over else {}), **source}
        # An unknown kind is refused by parse_request.
        request_type = REQUEST_TYPES.get(str(data.get("kind", "txt2img")), Txt2Img)
        data = {name: value for name, value in data.items() if name in request_type.model_fields}
        if over is not None and data.get("init_image") != source_of(over).get("init_image"):
            data.pop("init_name", None)  # it names the picture of before
        for name, component in self.components.items():
            field = _field_of(name, request_type)
            value = values[component]
            if field is None:
                continue
            if name in SEEDS:
                data[field] = str(value or "").strip() or RANDOM_SEED
            elif name in AS_JSON:
                data[field] = _parsed(name, str(value or "[]"))
            elif name == ADD_ON_VALUES:
                data[field] = _parsed(name, str(value or "{}"))
            elif name in NAMES:
                data[field] = [line for line in (value or "").split("\n") if line]
            elif name == "checkpoint":
                data[field] = value or ""
            elif value is None:
                info = PARAMETERS[name]
                raise InvalidRequest(f"{info.label} is empty.", field=name, allowed=info.allowed, hint=f"Use {info.allowed}.")
            else:
                data[field] = value
        return parse_request(data)

    def show(self, request: GenerationRequest, only: Collection[str] | None = None) -> dict[Component, Any]:
        """What to set so that the page shows `request`; fields that it doesn't have stay as they are, and with `only` the others, too."""
        result: dict[Component, Any] = {}
        for name, component in self.components.items():
            field = _field_of(name, type(request))
            if field is None or (name == "checkpoint" and not getattr(request, name)):
                continue  # no checkpoint is "the one in use": what the picker shows stays
            if only is not None and field not in only:
                continue
            result[component] = shown(name, getattr(request, field))
        return result

    def table(self) -> list[dict[str, Any]]:
        """What the scripts of the page know of each field: words, bounds, default, and where it stands."""
        rows = []
        for name, component in self.components.items():
            info = PARAMETERS.get(name)
            row: dict[str, Any] = {"name": name, "element": component.elem_id, "default": component.value, "of": OF_SOURCE.get(name)}
            if info is not None:
                row |= {"label": info.label, "help": info.help, "minimum": info.minimum, "maximum": info.maximum, "step": info.step}
            rows.append(row)
        return rows

    def script(self, module: str, call: str) -> str:
        """Source of a browser-side event: calls a function of a module with the field names, then the event's inputs."""
        return f'async (...values) => (await import("{module}")).{call}({json.dumps(self.names)}, values)'


def shown(name: str, value: Any) -> Any:
    """What the component of a field holds for a value of a request."""
    if name in SEEDS:
        return "" if value == RANDOM_SEED else str(value)
    if name in AS_JSON:
        listed = (each if isinstance(each, Mapping) else each.model_dump(mode="json") for each in value)
        return json.dumps(list(listed), ensure_ascii=False)
    if name == ADD_ON_VALUES:
        return json.dumps(value, ensure_ascii=False)
    return "\n".join(value) if name in NAMES else value


def _parsed(name: str, text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        raise InvalidRequest(f"{PARAMETERS[name].label} can't be read.", field=name, hint="Reload the page.") from None


def element_id(name: str) -> str:
    """The id that the component of a field has in the page."""
    return f"ez-field-{name}"


def words(name: str) -> dict[str, Any]:
    """Label and element id of a field's component."""
    return {"label": PARAMETERS[name].label, "elem_id": element_id(name)}
