"""Pictures that come from outside: checked and brought to plain pixels. No torch."""
