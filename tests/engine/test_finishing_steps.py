"""Steps of finishing in a real engine: each has its effect on what is drawn, their order counts, and a subject is cut out by a model."""

from __future__ import annotations
