"""The prompt language, AUTOMATIC1111's: what a prompt's marks mean, as pure functions. No torch, no tokenizer, no IO.

A prompt is read in this order; each step has its own module:

    reading.py      comments and `<lora:name:1>` tags leave the text, `AND` splits it
    schedules.py    `[from:to:when]` and `[a|b]`: which text is asked for at which step
    emphasis.py     `(word:1.2)`, `[word]`, BREAK: the text as pieces with weights
    chunks.py       the pieces as tokens, in chunks as long as a text encoder takes
    completion.py   what is being typed, and ways on from there
    styles.py       texts kept by name in styles.csv
"""
