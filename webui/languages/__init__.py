"""The page's words in other languages: gettext catalogues, one folder each. docs/translating.md says how one is made."""
