"""What a bundle carries with it: its installer, which runs where nothing of scenesort is installed yet.

Nothing here imports scenesort or anything outside the standard library. `bundle create` copies this folder into the
bundle as `scenesort_bundle`, and `start.py` beside it as `install.py`.
"""
