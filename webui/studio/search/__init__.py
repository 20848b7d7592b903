"""Finding pictures again by what one types into a box.

    terms.py       the text as terms: words, "phrases", -not, prefix*, field:value
    fields.py      which fields there are, and what each may say (OPEN THIS FIRST)
    values.py      what stands behind a colon: numbers, days, sizes, names
    known.py       what the pictures of history have: checkpoints, tags and the like, with how often
    compiling.py   terms as one question to the index of words, bounds, and checks
    finding.py     pages, counts and facets, within a time
    desk.py        all of that for page and API, and saved searches
    completing.py  ways on for what is being typed
    looks.py       pictures that look alike

Terms are joined by "and". Pages go newest first and go on below the id of the last picture; nothing is ranked.
"""
