"""What differs between the databases that Easel works with; all else is SQLAlchemy Core and the same for both.

dialect.py            what a kind of database has to be able to do, and which one is meant (OPEN THIS FIRST)
sqlite.py             a file: pragmas, transactions, backups, complaints
postgresql.py         a server: transactions, the claim of one Easel, complaints
postgresql_tables.py  its index of words, counts and triggers, which migrations make with SQLite
expressions.py        conditions and statements that each says in its own way
sqlite_search.py      questions to FTS5, and the walk through it
postgresql_search.py  questions to a tsvector
walking.py            the walk of the database in use
"""
