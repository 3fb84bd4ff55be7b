"""Offline bundles: scenesort and all that it needs, for a machine without a network."""

from scenesort.bundle.creating import Created, create
from scenesort.bundle.request import BundleRequest
from scenesort.bundle.verifying import Verified, verify
from scenesort.errors import BundleError

__all__ = ["BundleError", "BundleRequest", "Created", "Verified", "create", "verify"]
