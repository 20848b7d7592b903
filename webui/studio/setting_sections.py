"""Settings as one list of what is told of them: Easel's own, and those that add-ons declare as pydantic models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import PydanticUndefined, to_jsonable_python

from webui.errors import SettingInvalid
from webui.extensions.registry import ExtensionRegistry

KEY = "extensions"
"""Where values of add-ons stand in settings.yaml: by add-on, then by name. A setting's whole name has dots between them."""


@dataclass(frozen=True)
class Section:
    """The settings of one add-on. model: its fields are the settings, all with defaults."""

    id: str
    title: str
    model: type[BaseModel]

    def name_of(self, field: str) -> str:
        """The whole name of one of its settings."""
        return f"{KEY}.{self.id}.{field}"

    def read(self, values: Mapping[str, Any]) -> BaseModel:
        """Its values; a field whose value can't be used, or that isn't there any more, is at its default."""
        good: dict[str, Any] = {}
        for field in self.model.model_fields:
            if field in values:
                try:
                    self.model.model_validate({**good, field: values[field]})
                except ValidationError:
                    continue
                good[field] = values[field]
        return self.model.model_validate(good)

    def changed(self, values: BaseModel, field: str, value: Any) -> BaseModel:
        """Its values with another one. None: the default. Raises SettingInvalid."""
        present = {name: getattr(values, name) for name in self.model.model_fields if name != field}
        try:
            return self.model.model_validate(present if value is None else {**present, field: value})
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            reason = first["msg"].removeprefix("Value error, ")
            info = self.model.model_fields[field]
            raise SettingInvalid(
                f"The setting {self.name_of(field)} can't be {str(first.get('input'))[:80]!r}: {reason}.",
                field=self.name_of(field),
                hint=info.description or "Choose another value.",
            ) from None

    def default(self, field: str) -> Any:
        """The default of one of its settings, as JSON has it."""
        default = self.model.model_fields[field].get_default(call_default_factory=True)
        return None if default is PydanticUndefined else to_jsonable_python(default)

    def described(self, values: BaseModel) -> list[dict[str, Any]]:
        """What is told of each of its settings."""
        document = self.model.model_json_schema()
        plain = values.model_dump(mode="json")
        rows = []
        for field, info in self.model.model_fields.items():
            shape = _shape(document["properties"].get(info.alias or field, {}), document.get("$defs", {}))
            rows.append(
                {
                    "name": self.name_of(field),
                    "label": info.title or field.replace("_", " ").capitalize(),
                    "help": info.description or "",
                    "section": self.title,
                    **about(shape),
                    "unit": str(shape.get("unit", "")),
                    "default": self.default(field),
                    "value": plain[field],
                    "live": True,
                }
            )
        return rows


def about(shape: Mapping[str, Any]) -> dict[str, Any]:
    """Type and range of a setting, from what JSON schema says of it."""
    choices = [choice for choice in shape.get("enum", ()) if isinstance(choice, str)]
    kind = "choice" if choices else str(shape.get("type", "other"))
    items = shape.get("items", {})
    if kind == "object" or (kind == "array" and items.get("type") != "string"):
        kind = "other"
    return {"type": kind, "choices": choices or None, "minimum": shape.get("minimum"), "maximum": shape.get("maximum")}


def _shape(shape: Mapping[str, Any], definitions: Mapping[str, Any]) -> dict[str, Any]:
    """A property's schema without its references; of alternatives the first that isn't null."""
    for listed in ("anyOf", "oneOf", "allOf"):
        wanted = next((one for one in shape.get(listed, ()) if one.get("type") != "null"), None)
        if wanted is not None:
            return {**_shape(wanted, definitions), **{key: value for key, value in shape.items() if key != listed}}
    reference = str(shape.get("$ref", "")).rpartition("/")[2]
    return {**definitions.get(reference, {}), **{key: value for key, value in shape.items() if key != "$ref"}}


def sections_of(extensions: ExtensionRegistry) -> list[Section]:
    """What add-ons declare, in their order; one whose fields lack defaults is left out, since nobody has chosen them yet."""
    sections = []
    for answer in extensions.collect("settings", type):
        model = answer.value
        if issubclass(model, BaseModel) and not any(info.is_required() for info in model.model_fields.values()):
            sections.append(Section(answer.extension, str(model.model_config.get("title") or answer.extension), model))
    return sections


def find(sections: Sequence[Section], name: str) -> tuple[Section, str] | None:
    """The section and field that a whole name means."""
    for section in sections:
        field = name.removeprefix(f"{KEY}.{section.id}.")
        if field != name and field in section.model.model_fields:
            return section, field
    return None
