"""All that was somebody's is given to somebody else: the household's to whoever makes the first account, that of people who go to those who
stay. Within one transaction, so that nothing is ever nobody's.
"""

from __future__ import annotations

from sqlalchemy import Connection, delete, exists, insert, select, update

from webui.studio.tables import batch, facet_count, generation, image, import_source, job, saved_search, script_run, submission, upload

_OWNED = (job, batch, generation, image, import_source, script_run)


def hand_over(connection: Connection, owner: str, to: str) -> None:
    """Give everything of one owner to another one ("" is the household). Counts of pictures follow by trigger."""
    for table in _OWNED:
        connection.execute(update(table).where(table.c.owner == owner).values(owner=to))
    connection.execute(delete(facet_count).where(facet_count.c.owner == owner, facet_count.c.n == 0))
    _give_searches(connection, owner, to)
    there = submission.alias()
    known = exists().where(there.c.owner == to, there.c.key == submission.c.key)
    connection.execute(delete(submission).where(submission.c.owner == owner, known))
    connection.execute(update(submission).where(submission.c.owner == owner).values(owner=to))
    had = set(connection.execute(select(upload.c.sha256).where(upload.c.owner == owner)).scalars())
    connection.execute(delete(upload).where(upload.c.owner == owner))
    if to and (new := had - set(connection.execute(select(upload.c.sha256).where(upload.c.owner == to)).scalars())):
        connection.execute(insert(upload), [{"owner": to, "sha256": digest} for digest in new])


def _give_searches(connection: Connection, owner: str, to: str) -> None:
    taken = set(connection.execute(select(saved_search.c.name).where(saved_search.c.owner == to)).scalars())
    for row in connection.execute(select(saved_search.c.id, saved_search.c.name).where(saved_search.c.owner == owner)).all():
        name, number = row.name, 1
        while name in taken:
            number += 1
            name = f"{row.name} ({number})"
        taken.add(name)
        connection.execute(update(saved_search).where(saved_search.c.id == row.id).values(owner=to, name=name))
