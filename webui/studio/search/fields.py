"""The fields of a search, one line each: what it is called, what it finds, what stands behind its colon."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Protocol

from sqlalchemy import exists, or_, select, true, union

from webui.studio.dialects.sqlite_search import letters_way
from webui.studio.search.clauses import ALL, MOST_TRAITS, NOTHING, SHAPES, SOME, Clause, Few, as_check, marked, pictures, trait
from webui.studio.search.known import OWN_TOOL, Known
from webui.studio.search.terms import Term, Text
from webui.studio.search.values import BadValue, read_id, read_numbers, read_period, read_ratio, read_seed, read_size
from webui.studio.search.wording import ANYWHERE, Either, Said
from webui.studio.tables import generation, image, image_tag, parent
from webui.studio.whose import Whose

LEAST_LETTERS = 2
"""Of the beginning of a word: half of all words begin with one of some letters."""


class Looks(Protocol):
    """Finds pictures that look alike."""

    def like(self, image_id: int, whose: Whose) -> list[int] | None:
        """The pictures that look like that one of theirs, itself among them; None where it isn't known what that looks like."""
        ...


@dataclass(frozen=True)
class Place:
    """Where a search is read: what history has, what pictures look like, and now, in the time zone in which days begin."""

    known: Known
    looks: Looks
    now: datetime


Read = Callable[[Text, str, Place], Clause]
"""One value and its operator as a clause. Raises BadValue."""


@dataclass(frozen=True)
class Field:
    """A field. help: what it finds. example: of a value. offers: kind of what is counted that its values are, else the values themselves.

    compared: whether it takes > and the like.
    """

    name: str
    help: str
    example: str
    read: Read
    offers: str | tuple[str, ...] = ()
    compared: bool = False


# --- words ---


def _words(text: Text, _operator: str, place: Place, columns: tuple[str, ...] = ANYWHERE) -> Clause:
    words = text.text
    begins = words.endswith("*") and not text.quoted
    inside = begins and words.startswith("*")
    words = words.strip("*") if begins else words
    if not any(map(_is_letter, words)):
        return ALL  # a comma, a bracket: nothing that the index knows
    if inside or any(map(_runs_on, words)):
        return _within(words, columns, place)
    if not begins:
        return Clause(words=Said(words, columns))
    if len(_last_word(words)) < LEAST_LETTERS:
        raise BadValue(f"Before * {LEAST_LETTERS} letters are needed: too many words begin with one.")
    return Clause(words=Said(words, columns, begins=True))


def _is_letter(sign: str) -> bool:
    # What the index takes as a part of a word (FTS5, unicode61).
    return unicodedata.category(sign)[0] in "LN" or unicodedata.category(sign) == "Co"


def _last_word(words: str) -> str:
    spaced = "".join(sign if _is_letter(sign) or unicodedata.combining(sign) else " " for sign in words)
    return spaced.split()[-1] if words and _is_letter(words[-1]) else ""


_RUN_ON = ("CJK ", "HIRAGANA ", "KATAKANA ", "THAI ", "LAO ", "KHMER ", "MYANMAR ", "HANGUL ")


def _runs_on(sign: str) -> bool:
    """Whether it is of a script without spaces between words, whose words the index can't tell apart."""
    return sign > "\u0e00" and unicodedata.name(sign, "").startswith(_RUN_ON)


def _within(words: str, columns: tuple[str, ...], place: Place) -> Clause:
    """Pictures whose words have that anywhere."""
    texts = {
        "prompt": select(generation.c.prompt).where(generation.c.id == image.c.generation_id).scalar_subquery(),
        "negative_prompt": select(generation.c.negative_prompt).where(generation.c.id == image.c.generation_id).scalar_subquery(),
        "note": image.c.note,
    }
    check = or_(*(text.icontains(words, autoescape=True) for name, text in texts.items() if name in columns))
    return Clause(check=check, few=letters_way(place.known, words))


# --- names, numbers ---


def _named(text: Text, compared: str, place: Place, kind: str, what: str) -> Clause:
    values = place.known.named(kind, text.text, exactly=compared == "=")
    if not values:
        raise BadValue(f'No picture has a {what} "{text.text[:60]}".')
    if len(values) > MOST_TRAITS:
        raise BadValue(f'"{text.text[:60]}" is in the names of {len(values):,}. Write more of the {what}\'s name.')
    return trait(kind, values)


def _counted(text: Text, compared: str, place: Place, kind: str) -> Clause:
    numbers = read_numbers(text.text, compared)
    return trait(kind, place.known.numbers(kind, numbers.__contains__)[:MOST_TRAITS])


def _sized(text: Text, compared: str, place: Place, read: Callable[[str, str], Callable[[int, int], bool]]) -> Clause:
    fits = read(text.text, compared)
    return trait("size", place.known.sizes(fits)[:MOST_TRAITS])


def _read_width(text: str, compared: str) -> Callable[[int, int], bool]:
    numbers = read_numbers(text, compared)
    return lambda width, _height: width in numbers


def _read_height(text: str, compared: str) -> Callable[[int, int], bool]:
    numbers = read_numbers(text, compared)
    return lambda _width, height: height in numbers


def _ratio(text: Text, compared: str, place: Place) -> Clause:
    folded = text.text.casefold()
    return trait("shape", [folded]) if folded in SHAPES else _sized(text, compared, place, read_ratio)


def _seed(text: Text, _compared: str, _place: Place) -> Clause:
    return marked(image.c.seed == read_seed(text.text), SOME)


# --- days ---


def _after(text: Text, _compared: str, place: Place) -> Clause:
    return Clause(since=read_period(text.text, place.now)[0])


def _before(text: Text, _compared: str, place: Place) -> Clause:
    return Clause(before=read_period(text.text, place.now)[0])


def _on(text: Text, _compared: str, place: Place) -> Clause:
    first, following = read_period(text.text, place.now)
    if first == following:
        raise BadValue("For how long ago write after: or before:.")
    return Clause(since=first, before=following)


# --- marks ---


def _rated(text: Text, compared: str, place: Place) -> Clause:
    numbers = read_numbers(text.text, compared)
    ratings = [rating for rating in range(1, 6) if rating in numbers]
    if not ratings:
        raise BadValue("Ratings are 1 to 5.")
    return marked(image.c.rating.in_(ratings), place.known.count("rating", map(str, ratings)))


def _tagged(text: Text, compared: str, place: Place) -> Clause:
    names = place.known.named("tag", text.text, exactly=compared == "=")
    if not names:
        raise BadValue(f'No picture has a tag "{text.text[:60]}".')
    tagged_so = image_tag.c.tag_id.in_(place.known.tags(names))
    few = Few(
        image.c.id.in_(select(image_tag.c.image_id).where(tagged_so)), place.known.count("tag", names), image_tag.c.image_id, tagged_so
    )
    return Clause(check=exists().where(image_tag.c.image_id == image.c.id, tagged_so), few=few)


def _favourite(place: Place) -> Clause:
    return marked(image.c.favourite == true(), place.known.count("favourite"))


def _has_rating(place: Place) -> Clause:
    return marked(image.c.rating.is_not(None), place.known.count("rating", map(str, range(1, 6))))


def _has_note(_place: Place) -> Clause:
    return marked(image.c.note != "", SOME)


def _has_tag(place: Place) -> Clause:
    names = place.known.counts("tag")
    check = exists().where(image_tag.c.image_id == image.c.id)
    return Clause(check=check, few=Few(image.c.id.in_(select(image_tag.c.image_id)), sum(names.values())))


def _has_mask(_place: Place) -> Clause:
    return trait("with", ["mask"])


def _has_lora(_place: Place) -> Clause:
    return trait("with", ["lora"])


def _has_source(_place: Place) -> Clause:
    return trait("kind", ["img2img", "inpaint", "upscale"])


_IS: dict[str, Callable[[Place], Clause]] = {
    "favourite": _favourite,
    "trash": lambda _place: Clause(trash=True),
    "imported": lambda place: trait("tool", [tool for tool in place.known.counts("tool") if tool != OWN_TOOL]),
    **{kind: lambda _place, kind=kind: trait("kind", [kind]) for kind in ("txt2img", "img2img", "inpaint", "upscale")},
}
_HAS: dict[str, Callable[[Place], Clause]] = {
    "mask": _has_mask,
    "note": _has_note,
    "tag": _has_tag,
    "rating": _has_rating,
    "lora": _has_lora,
    "source": _has_source,
}


def _told(text: Text, _compared: str, place: Place, states: dict[str, Callable[[Place], Clause]], name: str) -> Clause:
    state = states.get(text.text.casefold())
    if state is None:
        raise BadValue(f'{name}: takes {", ".join(states)}, not "{text.text[:40]}".')
    return state(place)


# --- other pictures ---


def _made_from(text: Text, _compared: str, place: Place) -> Clause:
    number = read_id(text.text)
    by_content = select(image.c.sha256).where(image.c.id == number, place.known.whose.are(image)).scalar_subquery()
    made = union(
        select(parent.c.generation_id).where(parent.c.image_id == number),
        select(parent.c.generation_id).where(parent.c.sha256 == by_content),
    )
    where = image.c.generation_id.in_(made)
    return Clause(check=where, few=Few(where, 1))


def _alike(text: Text, _compared: str, place: Place) -> Clause:
    number = read_id(text.text)
    alike = place.looks.like(number, place.known.whose)
    if alike is None:
        raise BadValue("It isn't known what that picture looks like. It may be gone; choose another one.")
    return pictures(alike)


FIELDS: dict[str, Field] = {
    field.name: field
    for field in (
        Field(
            "model", "Drawn by a model; a part of its name will do", "dream", partial(_named, kind="checkpoint", what="model"), "checkpoint"
        ),
        Field("lora", "Drawn with a LoRA; a part of its name will do", "glow", partial(_named, kind="lora", what="LoRA"), "lora"),
        Field("sampler", "Drawn with a sampler", '"Euler a"', partial(_named, kind="sampler", what="sampler"), "sampler"),
        Field("seed", "Drawn from a seed", "1234", _seed),
        Field("steps", "Number of steps", ">30", partial(_counted, kind="steps"), "steps", compared=True),
        Field("cfg", "CFG scale", "5..7", partial(_counted, kind="cfg"), "cfg", compared=True),
        Field(
            "size",
            "Width x height; > and the like go by pixels in all",
            "512x768",
            partial(_sized, read=read_size),
            "size",
            compared=True,
        ),
        Field("width", "Width in pixels", ">=1024", partial(_sized, read=_read_width), compared=True),
        Field("height", "Height in pixels", "1080", partial(_sized, read=_read_height), compared=True),
        Field("ratio", "Width to height, about", "16:9", _ratio, SHAPES, compared=True),
        Field("after", "Made on that day or later", "2026-05-03", _after, ("today", "yesterday", "7d", "4w")),
        Field("before", "Made before that day", "2026-05", _before, ("today", "yesterday", "7d", "4w")),
        Field("on", "Made on a day, in a month or in a year", "2026-05", _on, ("today", "yesterday")),
        Field("rating", "Your rating, 1 to 5", ">=4", _rated, ("5", "4", "3", "2", "1"), compared=True),
        Field("tag", "Tagged so", "portrait", _tagged, "tag"),
        Field("kind", "How it was made", "inpaint", partial(_named, kind="kind", what="kind"), "kind"),
        Field("tool", "Made by a program", "ComfyUI", partial(_named, kind="tool", what="program"), "tool"),
        Field("is", "A state", "favourite", partial(_told, states=_IS, name="is"), tuple(_IS)),
        Field("has", "Something it has", "note", partial(_told, states=_HAS, name="has"), tuple(_HAS)),
        Field("from", "Made from a picture, by its id", "1885400000000000", _made_from),
        Field("similar", "Looks like a picture, by its id", "1885400000000000", _alike),
        Field("prompt", "Words of the prompt alone", "castle", partial(_words, columns=("prompt",))),
        Field("negative", "Words of the negative prompt", "blurry", partial(_words, columns=("negative_prompt",))),
        Field("note", "Words of your note", "print", partial(_words, columns=("note",))),
    )
}
"""By name, in the order in which they are offered."""


def clause_of(term: Term, place: Place) -> Clause:
    """What a term asks for, negation left aside. Raises BadValue."""
    if not term.field:
        return _words(term.values[0], "", place)
    field = FIELDS.get(term.field)
    if field is None:
        raise BadValue(f'There is no field "{term.field[:40]}:". To look for these words put them in quotes.')
    if term.operator not in ("", "=") and not field.compared:
        raise BadValue(f"{field.name}: doesn't take {term.operator}. Write {field.name}:{field.example}.")
    if not term.values:
        raise BadValue(f"Something is missing behind {field.name}:. Write {field.name}:{field.example}.")
    if not all(value.text.strip() for value in term.values):
        raise BadValue(f"There is nothing between the quotes. Write {field.name}:{field.example}.")
    found = [field.read(value, term.operator, place) for value in term.values]
    return found[0] if len(found) == 1 else _any_of(found)


def _any_of(found: list[Clause]) -> Clause:
    """Pictures for which one of these holds. They are of one field, so they ask in the same way."""
    found = [one for one in found if not one.nothing]
    if not found:
        return NOTHING
    words = tuple(one.words for one in found if one.words is not None and one.check is None)
    if len(words) == len(found):
        return Clause(words=Either(words))
    if any(one is ALL or one.trash for one in found):
        raise BadValue("These can't be alternatives. Write each as a term of its own.")
    ways = [one.few for one in found if one.few is not None]
    few = Few(or_(*(way.where for way in ways)), sum(way.about for way in ways)) if len(ways) == len(found) else None
    return Clause(check=or_(*(as_check(one) for one in found)), few=few)
