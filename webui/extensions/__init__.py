"""Add-ons: every hook in one file (hookspecs), loading and fault isolation (registry)."""

from webui.extensions.hookspecs import hookimpl

__all__ = ["hookimpl"]
