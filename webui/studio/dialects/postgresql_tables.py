"""What PostgreSQL keeps beside the tables: the index of words, counts, and that neither is led astray.

The same as the migrations make with SQLite (form 0007 and later), in the newest form: a database of before that never was one here.
Words are cut as FTS5's unicode61 does it, by functions of ours, so that a search finds the same with both; a `tsvector` holds them with
the letter of their column: A prompt, B note, C negative prompt, D traits.
"""

from __future__ import annotations

_TRAITS = (
    ("checkpoint", "m", "generation.checkpoint", "generation.kind <> 'upscale' AND generation.checkpoint <> ''"),
    ("sampler", "s", "generation.sampler", "generation.sampler <> ''"),
    ("kind", "k", "generation.kind", "TRUE"),
    ("tool", "t", "coalesce(generation.tool, 'Easel')", "TRUE"),
    ("steps", "n", "CAST(generation.steps AS TEXT)", "generation.steps > 0"),
    ("cfg", "c", "CAST(generation.cfg_scale AS TEXT)", "generation.cfg_scale > 0"),
    ("size", "d", "image.width || 'x' || image.height", "TRUE"),
    (
        "shape",
        "r",
        "CASE WHEN image.width > image.height THEN 'landscape' WHEN image.width < image.height THEN 'portrait' ELSE 'square' END",
        "TRUE",
    ),
    ("with", "w", "'lora'", "EXISTS (SELECT 1 FROM lora_use WHERE lora_use.generation_id = generation.id)"),
    (
        "with",
        "w",
        "'mask'",
        "EXISTS (SELECT 1 FROM parent WHERE parent.generation_id = generation.id AND parent.relation = 'mask')"
        " OR (generation.tool IS NOT NULL AND generation.kind = 'inpaint')",
    ),
)
_FROM = "FROM image JOIN generation ON generation.id = image.generation_id"
_TRAIT_ROWS = " UNION ALL ".join(
    f"SELECT image.id, CAST('{kind}' AS TEXT), CAST({value} AS TEXT), CAST('{letter}' AS TEXT) {_FROM} WHERE {when}"
    for kind, letter, value, when in _TRAITS
)
VIEWS = (
    f"CREATE VIEW image_trait (image_id, kind, value, letter) AS {_TRAIT_ROWS}"
    " UNION ALL SELECT image.id, 'lora', lora_use.name, 'l' FROM image JOIN lora_use ON lora_use.generation_id = image.generation_id",
    "CREATE VIEW image_facet (image_id, kind, value) AS SELECT image_id, kind, value FROM image_trait"
    " UNION ALL SELECT id, 'picture', '' FROM image"
    " UNION ALL SELECT id, 'favourite', '' FROM image WHERE favourite"
    " UNION ALL SELECT id, 'rating', CAST(rating AS TEXT) FROM image WHERE rating IS NOT NULL"
    " UNION ALL SELECT image_tag.image_id, 'tag', tag.name FROM image_tag JOIN tag ON tag.id = image_tag.tag_id",
)

INDEX = (
    "CREATE TABLE image_words (id BIGINT PRIMARY KEY REFERENCES image (id) ON DELETE CASCADE, words tsvector NOT NULL);"
    "CREATE INDEX image_words_words ON image_words USING gin (words) WITH (fastupdate = off)"
)
"""Without fastupdate: what is waiting to be sorted in would have to be looked through by every search."""

# Accents go from Latin letters alone, as there; a lexeme of more than 2,046 bytes would be refused.
_CUT = """
CREATE FUNCTION easel_words(said text) RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(array_agg(left(word, 255) ORDER BY place), '{}')
    FROM regexp_split_to_table(
        translate(lower(normalize(regexp_replace(normalize(said, NFD), '([a-zA-Z])[\\u0300-\\u036f]+', '\\1', 'g'), NFC)
            COLLATE "und-x-icu"), 'ς', 'σ'),
        '[^[:alnum:]]+'
    ) WITH ORDINALITY AS cut (word, place) WHERE word <> ''
$$"""
_VECTOR = """
CREATE FUNCTION easel_vector(said text, letter text) RETURNS tsvector LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(string_agg('''' || word || ''':' || least(place, 16383) || letter, ' '), '')::tsvector
    FROM unnest(easel_words(said)) WITH ORDINALITY AS cut (word, place)
$$"""
# Each letter by itself: the end of one column isn't followed by the beginning of another.
_QUERY = """
CREATE FUNCTION easel_query(said text, letters text, begins boolean) RETURNS tsquery LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(string_agg(phrase, ' | '), '')::tsquery FROM (
        SELECT '(' || string_agg(
            '''' || word || ''':' || CASE WHEN begins AND place = cardinality(words) THEN '*' ELSE '' END || letter, ' <-> ' ORDER BY place
        ) || ')' AS phrase
        FROM regexp_split_to_table(letters, '') AS letter,
            (SELECT easel_words(said) AS words) AS cut_words,
            unnest(words) WITH ORDINALITY AS cut (word, place)
        GROUP BY letter
    ) AS phrases
$$"""
_ALL_WORDS = """
CREATE FUNCTION easel_image_words(picture bigint) RETURNS tsvector LANGUAGE sql STABLE AS $$
    SELECT easel_vector(generation.prompt, 'A') || easel_vector(image.note, 'B') || easel_vector(generation.negative_prompt, 'C')
        || coalesce((
            SELECT string_agg('zzz' || letter || encode(convert_to(value, 'UTF8'), 'hex') || ':1D', ' ')::tsvector
            FROM image_trait WHERE image_trait.image_id = picture
        ), '')
    FROM image JOIN generation ON generation.id = image.generation_id WHERE image.id = picture
$$"""
_COUNT = """
CREATE FUNCTION easel_count(whose text, facet text, called text, step integer) RETURNS void LANGUAGE sql AS $$
    INSERT INTO facet_count (owner, kind, value, n) VALUES (whose, facet, called, step)
    ON CONFLICT (owner, kind, value) DO UPDATE SET n = facet_count.n + step
$$"""
_COUNT_ALL = """
CREATE FUNCTION easel_count_all(picture bigint, whose text, step integer) RETURNS void LANGUAGE sql AS $$
    INSERT INTO facet_count (owner, kind, value, n) SELECT whose, kind, value, step FROM image_facet WHERE image_id = picture
    ON CONFLICT (owner, kind, value) DO UPDATE SET n = facet_count.n + step
$$"""
FUNCTIONS = (_CUT, _VECTOR, _QUERY, _ALL_WORDS, _COUNT, _COUNT_ALL)


def _trigger(name: str, when: str, what: str, gives: str = "NEW") -> str:
    """A trigger for each row, and its function."""
    return (
        f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {what} RETURN {gives}; END $$;"
        f"CREATE TRIGGER {name} {when} EXECUTE FUNCTION {name}()"
    )


def _guard(name: str, when: str, words: str) -> str:
    # The same class of error as that of a broken constraint.
    return _trigger(name, when, f"RAISE EXCEPTION '{words}' USING ERRCODE = 'check_violation';")


_SHOWN = "EXISTS (SELECT 1 FROM image WHERE id = {row}.image_id AND trashed IS NULL)"
_TAG_NAME = "(SELECT name FROM tag WHERE id = {row}.tag_id)"
_TAG_OWNER = "(SELECT owner FROM image WHERE id = {row}.image_id)"
_BOTH_SHOWN = "NEW.trashed IS NULL AND OLD.trashed IS NULL"

TRIGGERS = (
    _trigger(
        "image_is_there",
        "AFTER INSERT ON image FOR EACH ROW",
        "INSERT INTO image_words (id, words) VALUES (NEW.id, easel_image_words(NEW.id));"
        " IF NEW.trashed IS NULL THEN PERFORM easel_count_all(NEW.id, NEW.owner, 1); END IF;",
    ),
    _trigger(
        "image_goes",
        "BEFORE DELETE ON image FOR EACH ROW",
        "IF OLD.trashed IS NULL THEN PERFORM easel_count_all(OLD.id, OLD.owner, -1); END IF;",
        "OLD",
    ),
    _trigger(
        "image_is_trashed",
        "AFTER UPDATE OF trashed ON image FOR EACH ROW WHEN ((OLD.trashed IS NULL) <> (NEW.trashed IS NULL))",
        "PERFORM easel_count_all(NEW.id, NEW.owner, CASE WHEN NEW.trashed IS NULL THEN 1 ELSE -1 END);",
    ),
    _trigger(
        "image_changes_hands",
        "AFTER UPDATE OF owner ON image FOR EACH ROW WHEN (OLD.owner <> NEW.owner AND NEW.trashed IS NULL)",
        "PERFORM easel_count_all(NEW.id, OLD.owner, -1); PERFORM easel_count_all(NEW.id, NEW.owner, 1);",
    ),
    _trigger(
        "note_is_indexed",
        "AFTER UPDATE OF note ON image FOR EACH ROW WHEN (OLD.note <> NEW.note)",
        "UPDATE image_words SET words = easel_image_words(NEW.id) WHERE id = NEW.id;",
    ),
    _trigger(
        "rating_is_counted",
        f"AFTER UPDATE OF rating ON image FOR EACH ROW WHEN ({_BOTH_SHOWN})",
        "IF OLD.rating IS NOT NULL THEN PERFORM easel_count(NEW.owner, 'rating', CAST(OLD.rating AS TEXT), -1); END IF;"
        " IF NEW.rating IS NOT NULL THEN PERFORM easel_count(NEW.owner, 'rating', CAST(NEW.rating AS TEXT), 1); END IF;",
    ),
    _trigger(
        "favourite_is_counted",
        f"AFTER UPDATE OF favourite ON image FOR EACH ROW WHEN (OLD.favourite <> NEW.favourite AND {_BOTH_SHOWN})",
        "PERFORM easel_count(NEW.owner, 'favourite', '', CASE WHEN NEW.favourite THEN 1 ELSE -1 END);",
    ),
    _trigger(
        "tag_is_counted",
        "AFTER INSERT ON image_tag FOR EACH ROW",
        f"IF {_SHOWN.format(row='NEW')} THEN"
        f" PERFORM easel_count({_TAG_OWNER.format(row='NEW')}, 'tag', {_TAG_NAME.format(row='NEW')}, 1); END IF;",
    ),
    # With the picture itself gone, its tags were counted off already.
    _trigger(
        "tag_is_uncounted",
        "AFTER DELETE ON image_tag FOR EACH ROW",
        f"IF {_SHOWN.format(row='OLD')} THEN"
        f" PERFORM easel_count({_TAG_OWNER.format(row='OLD')}, 'tag', {_TAG_NAME.format(row='OLD')}, -1); END IF;",
        "OLD",
    ),
    # What is counted of its pictures is looked up by its row, and a cascade would come too late.
    _trigger("generation_goes", "BEFORE DELETE ON generation FOR EACH ROW", "DELETE FROM image WHERE generation_id = OLD.id;", "OLD"),
)


def _has_pictures(name: str, when: str, generation: str, words: str) -> str:
    condition = f"IF EXISTS (SELECT 1 FROM image WHERE generation_id = {generation}) THEN"
    raised = f"RAISE EXCEPTION '{words}' USING ERRCODE = 'check_violation';"
    gives = generation.partition(".")[0]
    return _trigger(name, when, f"{condition} {raised} END IF;", gives)


GUARDS = (
    _has_pictures(
        "generation_stays",
        "BEFORE UPDATE OF kind, prompt, negative_prompt, checkpoint, sampler, steps, cfg_scale, tool ON generation FOR EACH ROW",
        "OLD.id",
        "a generation with pictures does not change",
    ),
    _guard(
        "image_stays",
        "BEFORE UPDATE OF id, generation_id, width, height ON image FOR EACH ROW",
        "a picture stays as it was made",
    ),
    _has_pictures(
        "lora_comes_first", "BEFORE INSERT ON lora_use FOR EACH ROW", "NEW.generation_id", "lora_use is written before the pictures"
    ),
    _has_pictures(
        "lora_stays", "BEFORE DELETE ON lora_use FOR EACH ROW", "OLD.generation_id", "lora_use stays as long as there are pictures"
    ),
    _guard("lora_is_the_same", "BEFORE UPDATE ON lora_use FOR EACH ROW", "lora_use does not change"),
    *(
        _trigger(
            name,
            f"{when} ON parent FOR EACH ROW WHEN ({row}.relation = 'mask')",
            f"IF EXISTS (SELECT 1 FROM image WHERE generation_id = {row}.generation_id) THEN"
            f" RAISE EXCEPTION '{words}' USING ERRCODE = 'check_violation'; END IF;",
            gives,
        )
        for name, when, row, words, gives in (
            ("mask_comes_first", "BEFORE INSERT", "NEW", "a mask is written before the pictures", "NEW"),
            ("mask_stays", "BEFORE DELETE", "OLD", "a mask stays as long as there are pictures", "OLD"),
            ("mask_is_the_same", "BEFORE UPDATE OF generation_id, relation", "OLD", "a mask stays one", "NEW"),
        )
    ),
    _guard("tag_is_the_same", "BEFORE UPDATE OF id, name ON tag FOR EACH ROW", "a tag is not renamed: give another one"),
)
