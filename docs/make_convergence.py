"""Measure how fast each sampler's error falls with the steps, and draw it: docs/pictures/convergence.png.

    python docs/make_convergence.py [--out docs/pictures/convergence.png]

Needs the test extras (Matplotlib). The problem has an exact denoiser: points from a mixture of Gaussians. Samplers that
add noise are run without it. The same measurement is a test (tests/engine/test_convergence.py).
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import matplotlib
from matplotlib import pyplot

ROOT = Path(__file__).resolve().parents[1]

WAYS = (("eps and v (sigma space)", False), ("flow matching", True))


def main() -> None:
    """Measure and draw."""
    sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
    from engine.convergence import MEASURED, STEPS, errors_of, order_of

    matplotlib.use("Agg")
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--out", type=Path, default=ROOT / "docs" / "pictures" / "convergence.png")
    out: Path = options.parse_args().out
    figure, charts = pyplot.subplots(1, 2, figsize=(13, 6.4), sharey=True, layout="constrained")
    for chart, (title, flow) in zip(charts, WAYS, strict=True):
        for number, label in enumerate(MEASURED):
            errors = errors_of(label, flow=flow)
            order = order_of(errors)
            print(f"{title:24} {label:18} order {order:.1f}")
            line = ("-", "--", ":")[number // 10 % 3]
            chart.loglog(STEPS, errors, line, marker="o", markersize=3, color=f"C{number % 10}", label=f"{label}: {order:.1f}")
        chart.set(title=title, xlabel="steps")
        chart.set_xticks(STEPS, [str(steps) for steps in STEPS])
        chart.minorticks_off()
        chart.set_ylim(bottom=2e-8)  # room for the legend
        chart.grid(alpha=0.3)
        chart.legend(title="sampler: measured order", fontsize=8, ncols=2)
    charts[0].set_ylabel("largest error of x")
    figure.savefig(out, dpi=110)


if __name__ == "__main__":
    main()
