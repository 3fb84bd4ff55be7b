"""scenesort: a pile of mixed photos becomes scenes with camera poses."""
