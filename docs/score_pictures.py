"""Draw the pictures of docs/explanation/score.md from a made-up scene: python docs/score_pictures.py docs/images."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from scenesort.evaluation import Registration, register
from scenesort.evaluation.registration_table import find_removed
from scenesort.types import FloatArray

THRESHOLDS = np.array([0.05, 0.1, 0.2, 0.4, 0.8, 1.6])
PAPER, INK, SOFT, LINE = "#ffffff", "#23272f", "#667085", "#dfe2e8"
TRUE, GOOD, BAD, HELD = "#0072b2", "#00805e", "#d55e00", "#b07a00"
GOOD_PAPER, HELD_PAPER = "#d7f1e7", "#fbeecb"


def main(folder: Path) -> None:
    """Write the three pictures."""
    true, submitted = bent_corridor()
    registration = register(submitted, true, THRESHOLDS)
    pictures = {
        "score-registration.svg": registration_picture(true, submitted, registration),
        "score-transforms.svg": transforms_picture(true, submitted, registration),
        "score-clusterness.svg": clusterness_picture(),
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in pictures.items():
        (folder / name).write_text(text, encoding="utf-8")


def bent_corridor() -> tuple[FloatArray, FloatArray]:
    """True centres (12, 3) of cameras along a corridor, and submitted ones that bend away from it at its end."""
    steps = np.arange(12.0)
    true = np.stack([steps * 0.6, (-1) ** steps * (0.7 + 0.05 * steps), np.zeros(12)], axis=1)
    bend = np.cumsum(np.where(steps > 5, 0.11, 0.006))
    heading = np.stack([np.cos(bend), np.sin(bend)], axis=1)
    along = np.concatenate([[np.zeros(2)], np.cumsum(0.6 * heading[:-1], axis=0)])
    across = np.stack([-heading[:, 1], heading[:, 0]], axis=1) * true[:, 1:2]
    wrong = np.concatenate([along + across, np.zeros((12, 1))], axis=1)
    angle, scale = np.radians(-35), 0.55
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    return true, scale * wrong @ turn.T


def registration_picture(true: FloatArray, submitted: FloatArray, registration: Registration) -> str:
    """The submitted cluster in its own frame, and moved onto the true cameras with one threshold around each."""
    index = 3
    moved = move(submitted, registration.transforms[index])
    is_met = registration.errors[:, index] < THRESHOLDS[index]
    parts = [text(20, 28, "submitted, in a frame of its own", 15, bold=True)]
    own = Panel(20, 45, 250, 250, submitted)
    parts += [camera(*own.place(center), BAD) for center in submitted]
    parts += [arrow(285, 170, 335), text(310, 155, "similarity", 12, "middle")]
    parts += [text(310, 195, "turn, scale,", 12, "middle"), text(310, 211, "shift", 12, "middle")]
    parts.append(text(360, 28, f"moved onto the true cameras, threshold {THRESHOLDS[index]:g}", 15, bold=True))
    panel = Panel(360, 45, 520, 250, np.concatenate([true, moved]))
    for center, place, met in zip(true, moved, is_met, strict=True):
        x, y = panel.place(center)
        parts.append(ring(x, y, panel.scale * THRESHOLDS[index]))
        parts.append(
            f'<line x1="{x:.1f}" y1="{y:.1f}" x2="{panel.place(place)[0]:.1f}" y2="{panel.place(place)[1]:.1f}"'
        )
        parts[-1] += f' stroke="{SOFT}"/>'
        parts += [camera(x, y, TRUE, hollow=True), camera(*panel.place(place), GOOD if met else BAD)]
    for member in registration.triples[index]:
        x, y = panel.place(true[member])
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="11" fill="none" stroke="{INK}" stroke-dasharray="2 2"/>')
    legend = [(TRUE, True, "true"), (GOOD, False, f"within: {is_met.sum()}"), (BAD, False, f"not: {(~is_met).sum()}")]
    for number, (color, hollow, meaning) in enumerate(legend):
        parts += [camera(380 + 110 * number, 318, color, hollow=hollow), text(392 + 110 * number, 323, meaning, 13)]
    parts.append(f'<circle cx="710" cy="318" r="9" fill="none" stroke="{INK}" stroke-dasharray="2 2"/>')
    parts.append(text(725, 323, "the triple it began from", 13))
    return svg(900, 340, "A submitted cluster is moved onto the true cameras", parts)


def transforms_picture(true: FloatArray, submitted: FloatArray, registration: Registration) -> str:
    """The same cluster under the transforms of a small and the largest threshold, and the marks of both ways."""
    parts = []
    everything = [true, *(move(submitted, registration.transforms[index]) for index in (2, 5))]
    for row, index in enumerate((2, 5)):
        top = 20 + 225 * row
        moved = move(submitted, registration.transforms[index])
        panel = Panel(20, top + 15, 580, 200, np.concatenate(everything))
        errors = np.linalg.norm(moved - true, axis=1)
        parts += [ring(*panel.place(center), panel.scale * THRESHOLDS[2]) for center in true]
        for center, place, error in zip(true, moved, errors, strict=True):
            parts.append(camera(*panel.place(center), TRUE, hollow=True))
            parts.append(camera(*panel.place(place), GOOD if error < THRESHOLDS[2] else BAD))
        near = int((errors < THRESHOLDS[2]).sum())
        title = f"transform of threshold {THRESHOLDS[index]:g}: {near} cameras within {THRESHOLDS[2]:g}, the rings"
        parts.append(text(20, top + 8, title, 15, bold=True))
    own = registration.errors
    one = np.repeat(own[:, -1:], len(THRESHOLDS), axis=1)
    for column, (title, errors) in enumerate((("each its own", own), ("one for all", one))):
        parts += marks_table(625 + 140 * column, title, errors)
    return svg(900, 460, "Each threshold has its own transform", parts)


def marks_table(left: float, title: str, errors: FloatArray) -> list[str]:
    """The marks of the scored thresholds, the removed ones apart, and what counts."""
    is_met = errors < THRESHOLDS
    is_removed = find_removed(errors, is_met)
    parts = [text(left, 28, title, 15, bold=True)]
    for column, threshold in enumerate(THRESHOLDS[2:]):
        parts.append(text(left + 12 + 27 * column, 50, f"{threshold:g}", 11, "middle", color=SOFT))
    for row in range(len(errors)):
        for column in range(2, len(THRESHOLDS)):
            x, y = left + 27 * (column - 2), 58 + 20 * row
            met, removed = is_met[row, column], is_removed[row, column]
            fill = HELD_PAPER if removed else GOOD_PAPER if met else "none"
            parts.append(f'<rect x="{x}" y="{y}" width="24" height="17" rx="4" fill="{fill}"/>')
            color = HELD if removed else GOOD if met else SOFT
            parts.append(text(x + 12, y + 13, "✓" if met else "·", 12, "middle", color=color))
    counted = int((is_met & ~is_removed)[:, 2:].sum())
    parts.append(text(left, 320, f"{counted} of {4 * (len(errors) - 3)} count", 13, bold=True))
    parts.append(text(left, 338, f"{int(is_removed[:, 2:].sum())} removed", 12, color=HELD))
    return parts


def clusterness_picture() -> str:
    """Which photos of the chosen clusters belong to their scenes."""
    scenes, clusters = [("castle", 9), ("fountain", 6), ("outliers", 2)], [("A", 8), ("B", 7), ("outliers", 2)]
    links = [(0, 0, 8, True), (0, 1, 1, False), (1, 1, 6, True), (2, 2, 2, None)]
    parts = [text(40, 28, "true scenes", 15, bold=True), text(420, 28, "submitted clusters", 15, bold=True)]
    tops = [50, 140, 230]
    for scene, cluster, count, is_own in links:
        color = GOOD if is_own else SOFT if is_own is None else BAD
        y1, y2 = tops[scene] + 30, tops[cluster] + 30
        if is_own is False:
            y1, y2 = y1 + 15, y2 - 15
        parts.append(
            f'<path d="M190 {y1}C300 {y1} 310 {y2} 420 {y2}" fill="none" stroke="{color}" stroke-opacity=".55"'
            f' stroke-width="{2 + 2.2 * count:.1f}"/>'
        )
        parts.append(text(305, (y1 + y2) / 2 + 5, f"{count}", 14, "middle", bold=True))
    for column, boxes in ((40, scenes), (420, clusters)):
        for top, (name, count) in zip(tops, boxes, strict=True):
            parts.append(
                f'<rect x="{column}" y="{top}" width="150" height="60" rx="8" fill="{PAPER}" stroke="{SOFT}"/>'
            )
            parts += [
                text(column + 14, top + 26, name, 15, bold=True),
                text(column + 14, top + 46, f"{count} photos", 13),
            ]
    notes = ["castle takes A: 8 of A's 8 belong", "fountain takes B: 6 of B's 7 belong"]
    notes.append("clusterness = 14 / 15 = 93.3%")
    parts += [text(605, 90 + 24 * row, note, 14, bold=row == 2) for row, note in enumerate(notes)]
    parts.append(text(605, 265, "outliers aren't counted here", 13, color=SOFT))
    return svg(860, 310, "Each scene takes the cluster that holds most of its photos", parts)


class Panel:
    """A rectangle of the picture that shows a part of the plane; y is upwards in the plane."""

    def __init__(self, left: float, top: float, width: float, height: float, shown: FloatArray) -> None:
        margin = 26
        low, high = shown[:, :2].min(axis=0), shown[:, :2].max(axis=0)
        self.scale = float(min((width - 2 * margin) / (high - low)[0], (height - 2 * margin) / (high - low)[1]))
        self.middle = (low + high) / 2
        self.x, self.y = left + width / 2, top + height / 2

    def place(self, center: FloatArray) -> tuple[float, float]:
        """The place of a centre (3,) in the picture."""
        x, y = (center[:2] - self.middle) * self.scale
        return self.x + float(x), self.y - float(y)


def move(centers: FloatArray, transform: FloatArray) -> FloatArray:
    """The centres (n, 3) under a similarity (3, 4)."""
    return centers @ transform[:, :3].T + transform[:, 3]


def camera(x: float, y: float, color: str, *, hollow: bool = False) -> str:
    """A dot, or a circle."""
    fill, line = (PAPER, color) if hollow else (color, color)
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4.5" fill="{fill}" stroke="{line}" stroke-width="2"/>'


def ring(x: float, y: float, radius: float) -> str:
    """A threshold around a true camera."""
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}" fill="{TRUE}" fill-opacity=".09" stroke="{LINE}"/>'


def arrow(left: float, y: float, right: float) -> str:
    """An arrow to the right."""
    return f'<path d="M{left} {y}H{right}m-9 -7l9 7l-9 7" fill="none" stroke="{INK}" stroke-width="2"/>'


def text(
    x: float, y: float, words: str, size: int, anchor: str = "start", *, bold: bool = False, color: str = INK
) -> str:
    """A line of text."""
    weight = ' font-weight="600"' if bold else ""
    return f'<text x="{x:g}" y="{y:g}" font-size="{size}" text-anchor="{anchor}" fill="{color}"{weight}>{words}</text>'


def svg(width: int, height: int, title: str, parts: list[str]) -> str:
    """The picture as a file."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
        f' font-family="system-ui, sans-serif" role="img">\n<title>{title}</title>\n'
        f'<rect width="{width}" height="{height}" rx="10" fill="{PAPER}"/>\n' + "\n".join(parts) + "\n</svg>\n"
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
