"""Submit, follow, cancel, find again: journal, dispatcher, image store and history. It alone writes pictures and rows."""
