"""styles.csv on disk: read, and written with the one before kept as styles.csv.bak."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from webui.durable import write_durably
from webui.errors import DataUnusable
from webui.generation.prompt.styles import Style, read_styles, write_styles

ENCODING = "utf-8-sig"
"""With a byte order mark, as AUTOMATIC1111 writes it, so that spreadsheets read it right."""


def load_styles(path: Path) -> tuple[Style, ...]:
    """The styles of a file; none where there is no file. Raises DataUnusable for a file that is no table of styles."""
    try:
        return read_styles(path.read_text(ENCODING))
    except FileNotFoundError:
        return ()
    except (OSError, ValueError) as error:
        raise DataUnusable(
            f"{path.name} can't be read: {error}.", hint="Mend it, or take it away; styles.csv.bak is the one before."
        ) from error


def save_styles(path: Path, styles: Sequence[Style]) -> None:
    """Replace the file durably; what was there before is beside it, with .bak behind its name. Raises OSError."""
    if path.exists():
        write_durably(path.with_name(f"{path.name}.bak"), path.read_bytes())
    write_durably(path, write_styles(styles).encode(ENCODING))
