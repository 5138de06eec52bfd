"""Whether cameras that are said to share their pixels really do.

What registered cameras share are the edges of the part, and how each part lies a little elsewhere
than the mean one. Phase correlation of two cameras' edges fails where one sees texture that the
other does not, so the parts' own displacements are compared: each part's shift against the mean
picture of its camera (phase correlation, Kuglin & Hines 1975) must agree between cameras.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from ..specs import AudioSpec, ModalitySpec
from .findings import Finding

Array = npt.NDArray[np.generic]
MOST_PARTS = 60
LEAST_PARTS = 8
AGREEMENT = 0.5  # correlation of displacements; registered synthetic cameras show 0.9 and more
STILL_PX = 0.3  # deviation below which parts lie too still to tell


def check_registration(
    specs: Mapping[str, ModalitySpec], signals: Mapping[str, Mapping[str, Array]]
) -> list[Finding]:
    """Findings for each pair that is declared registered and does not move together."""
    findings: list[Finding] = []
    for one, other in combinations(sorted(specs), 2):
        if isinstance(specs[one], AudioSpec) or isinstance(specs[other], AudioSpec):
            continue
        shared = sorted(set(signals[one]) & set(signals[other]))[:MOST_PARTS]
        declared = other in specs[one].registered_with
        if not declared or len(shared) < LEAST_PARTS:
            continue
        a, b = (displacements([signals[m][key] for key in shared]) for m in (one, other))
        if min(a.std(axis=0).max(), b.std(axis=0).max()) < STILL_PX:
            continue  # parts lie still: nothing to compare
        agreement = float(np.mean([np.corrcoef(a[:, i], b[:, i])[0, 1] for i in (0, 1)]))
        if not agreement >= AGREEMENT:
            findings.append(
                Finding(
                    severity="warning",
                    check="registration",
                    sentence=f"{one} and {other} are declared registered, but their parts do not "
                    f"move together (correlation {agreement:.2f}): maps laid over each other would "
                    "lie; take registeredWith out of modalities.json, or check the pairing",
                    figures={"agreement": agreement, "parts": len(shared)},
                )
            )
    return findings


def displacements(signals: list[Array]) -> npt.NDArray[np.float64]:
    """Shift (rows, columns) of each picture (h, w, c) against their mean, pixels, (n, 2)."""
    edges = np.stack([_edges(signal) for signal in signals])  # (n, h, w)
    reference = np.fft.fft2(edges.mean(axis=0))
    return np.array([_shift(np.fft.fft2(edge), reference) for edge in edges])


def _edges(signal: Array) -> npt.NDArray[np.float64]:
    """Gradient magnitude of the channels' mean, smoothed, its window faded out at the border."""
    grey = np.asarray(signal, float).mean(axis=2)
    grey = np.where(np.isfinite(grey), grey, np.nanmedian(grey))
    magnitude = ndimage.gaussian_gradient_magnitude(grey, 2.0)
    window = np.outer(np.hanning(grey.shape[0]), np.hanning(grey.shape[1]))
    faded: npt.NDArray[np.float64] = (magnitude - magnitude.mean()) * window
    return faded


def _shift(
    spectrum: npt.NDArray[np.complex128], reference: npt.NDArray[np.complex128]
) -> tuple[float, float]:
    """The peak of the cross-correlation, to a fraction of a pixel by a parabola."""
    correlation = np.fft.ifft2(spectrum * reference.conj()).real
    peak = np.unravel_index(int(correlation.argmax()), correlation.shape)
    found = []
    for axis, size in enumerate(correlation.shape):
        before, at, after = (
            correlation[
                tuple(
                    (p + (d if i == axis else 0)) % s
                    for i, (p, s) in enumerate(zip(peak, correlation.shape, strict=True))
                )
            ]
            for d in (-1, 0, 1)
        )
        bend = before - 2 * at + after
        offset = 0.0 if bend == 0 else 0.5 * (before - after) / bend
        whole = int(peak[axis])
        found.append((whole if whole <= size // 2 else whole - size) + offset)
    return found[0], found[1]
