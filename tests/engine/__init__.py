"""Tests of the engine: they import torch and draw with the shipped checkpoint."""
