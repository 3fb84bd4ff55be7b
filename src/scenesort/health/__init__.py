"""The check of an installation: what is installed, what the machine offers, and whether a small run works.

`examine` runs every check by itself, most of them in a child process, so that one that fails or crashes is itself a
finding and the others go on. Nothing here needs numpy or torch to be importable in the process that asks.
"""

from scenesort.health.examination import SELF_TEST, Check, examine, standard_checks
from scenesort.health.findings import Finding, Request, State, worst
from scenesort.health.privacy import Secrets, conceal, own_secrets

__all__ = [
    "SELF_TEST",
    "Check",
    "Finding",
    "Request",
    "Secrets",
    "State",
    "conceal",
    "examine",
    "own_secrets",
    "standard_checks",
    "worst",
]
