"""How files get here: downloads, wheels, archives, installed packages, the hub's cache. One file a way."""
