"""Findings as text: for the terminal, and as a report that can be attached to an issue because it names nobody."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import groupby

from webui.doctor.examination import Examined, versions
from webui.doctor.findings import worst
from webui.doctor.premises import Premises
from webui.logs import last_lines
from webui.redaction import ReportRedactor, whose_machine
from webui.settings import Settings
from webui.tokens import TokenStore

REPORT_NAME = "easel-report.txt"
LOG_LINES = 150
_ITEMS_SHOWN = 20
_WORDS = {"ok": "ok", "warn": "warn", "bad": "BAD", "unchecked": "-"}
_VERDICTS = {"ok": "All is well.", "warn": "Easel works; some things need a look.", "bad": "Something is wrong."}
_TOLD_VARIABLES = ("EASEL_", "CUDA_", "HIP_", "ROCR_", "HSA_", "PYTORCH_", "TORCH_", "HF_", "OMP_", "MKL_", "SAFETENSORS_")
_TOLD_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


def finding_lines(examined: Sequence[Examined], items: int = _ITEMS_SHOWN) -> Iterator[tuple[str, str]]:
    """(state, line) for each line of the findings, by group; an empty state for headings and what belongs to the line above.

    items: so many details of each.
    """
    width = max(len(entry.check.name) for entry in examined)
    for group, entries in groupby(examined, key=lambda entry: entry.check.group):
        yield "", group
        for entry in entries:
            found = entry.finding
            yield found.state, f"  {_WORDS[found.state]:<5} {entry.check.name:<{width}}  {found.text}"
            indent = " " * (width + 10)
            if found.advice:
                yield "", f"{indent}→ {found.advice}"
            yield from (("", f"{indent}· {item}") for item in found.items[:items])
            if len(found.items) > items:
                yield "", f"{indent}· and {len(found.items) - items:,} more"


def verdict(examined: Sequence[Examined]) -> str:
    """One sentence on the whole."""
    counts = [
        f"{sum(entry.finding.state == state for entry in examined)} {words}" for state, words in (("bad", "bad"), ("warn", "to look at"))
    ]
    state = worst(entry.finding.state for entry in examined)
    return _VERDICTS[state] + ("" if state == "ok" else f" ({', '.join(text for text in counts if not text.startswith('0 '))})")


def write_report(premises: Premises, examined: Sequence[Examined]) -> str:
    """The whole report, redacted: findings, versions, settings that aren't usual, the environment, the last log lines."""
    parts = [
        f"Easel report, {datetime.now(UTC).isoformat(timespec='seconds')}",
        "Secrets, names of people and machines, and names of pictures were taken out. Prompts are not in it.",
        "",
        verdict(examined),
        "",
        *(line for _, line in finding_lines(examined)),
        "",
        "Versions",
        *(f"  {name} {number}" for name, number in sorted(versions(premises).items())),
        "",
        "Settings that are not at their default",
        *(_changed_settings(premises.settings) or ["  none"]),
        "",
        "Environment",
        *(_environment() or ["  nothing that concerns Easel"]),
        "",
        f"The last {LOG_LINES} log lines",
        *_log(premises),
    ]
    redact = ReportRedactor(whose_machine(), [premises.settings.pictures_dir], secrets=TokenStore(premises.settings.data_dir).secrets)
    return redact("\n".join(parts)) + "\n"


def _changed_settings(settings: Settings) -> list[str]:
    return [
        f"  {name}: {value}" for name, field in Settings.model_fields.items() if (value := getattr(settings, name)) != field.get_default()
    ]


def _environment() -> list[str]:
    return [
        f"  {name}={value}"
        for name, value in sorted(os.environ.items())
        if name.startswith(_TOLD_VARIABLES) or name.lower() in _TOLD_PROXIES
    ]


def _log(premises: Premises) -> list[str]:
    try:
        return [f"  {line}" for text in last_lines(premises.settings.data_dir, LOG_LINES) for line in text.splitlines()] or ["  none"]
    except OSError as error:
        return [f"  The log can't be read: {error}."]
