"""Packages with upstream's signatures, put in their place: they record what they are given and give known truth."""

from __future__ import annotations

import sys
import types

import torch


def install(monkeypatch, **modules):
    """Put modules in place, by dotted names with `__` for dots, with their parents; attributes are dictionaries."""
    for key, attributes in modules.items():
        name = key.replace("__", ".")
        parts = name.split(".")
        for depth in range(1, len(parts)):
            parent = ".".join(parts[:depth])
            known = sys.modules.get(parent)
            if known is None or not getattr(known, "is_stub", False):
                monkeypatch.setitem(sys.modules, parent, types.ModuleType(parent))
                sys.modules[parent].is_stub = True
                sys.modules[parent].__path__ = []
        module = types.ModuleType(name)
        module.is_stub = True
        module.__path__ = []
        vars(module).update(attributes)
        monkeypatch.setitem(sys.modules, name, module)


def hide(monkeypatch, package):
    """Let a package be absent, installed or not."""
    for name in [name for name in sys.modules if name == package or name.startswith(f"{package}.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)


class Network(torch.nn.Module):
    """A network of two tensors that keeps how it was built and what it was called with."""

    built: list  # set by the stub

    def __init__(self, **arguments):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(2, 3))
        self.bias = torch.nn.Parameter(torch.zeros(3))
        self.arguments = arguments
        self.calls = []


STATE = {"weight": torch.ones(2, 3), "bias": torch.ones(3)}


def tensor(array):
    """A tensor of one batch."""
    return torch.tensor(array, dtype=torch.float32)[None]
