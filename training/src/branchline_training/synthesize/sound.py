"""What the microphone hears when the part is tapped: damped modes, a click, the hall around it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from branchline_training.synthesize.flaws import SoundFlaw

SAMPLE_RATE = 16_000
SECONDS = 1.0

# The bracket's modes: frequency (Hz), time to fall to 1/e (s), strength.
MODES = np.array(
    [
        (742.0, 0.120, 0.55),
        (1188.0, 0.105, 1.00),
        (1675.0, 0.085, 0.70),
        (2410.0, 0.070, 0.80),
        (3166.0, 0.055, 0.45),
        (4230.0, 0.042, 0.40),
        (5480.0, 0.030, 0.30),
        (6720.0, 0.022, 0.20),
    ]
)
TAP_PEAK = 0.35
HALL_LEVEL = 0.0030


def tap(flaw: SoundFlaw, rng: np.random.Generator) -> NDArray[np.int16]:
    """One second of 16-bit sound, int16 (SAMPLE_RATE * SECONDS,); never clips."""
    samples = int(SAMPLE_RATE * SECONDS)
    onset = round(SAMPLE_RATE * rng.normal(0.100, 0.004))
    time = np.arange(samples - onset) / SAMPLE_RATE
    strength = np.exp(rng.normal(0, 0.18))
    hardness = rng.normal(0, 0.12)  # a harder tip wakes the higher modes
    ring = _ring(time, flaw, hardness, rng) + _click(time, rng)
    if flaw.rattle > 0:
        ring = ring + flaw.rattle * _rattle(time, rng)
    sound = _hall(samples, rng)
    sound[onset:] += TAP_PEAK * strength * ring
    return np.rint(np.clip(sound, -1, 1) * 32767).astype(np.int16)


def _ring(
    time: NDArray[np.float64], flaw: SoundFlaw, hardness: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """The modes, detuned as castings are; a flaw touches about half of them."""
    stiffness = rng.normal(0, 0.0040)
    touched = rng.random(len(MODES)) < 0.6
    touched[rng.integers(len(MODES))] = True
    ring = np.zeros_like(time)
    for (nominal, decay, level), hit in zip(MODES, touched, strict=True):
        frequency = nominal * (1 + stiffness + rng.normal(0, 0.0015))
        rate = np.exp(rng.normal(0, 0.08)) / decay
        gain = level * np.exp(rng.normal(0, 0.22)) * (nominal / 2000) ** hardness
        if hit:
            frequency *= 1 - flaw.detuning
            rate *= 1 + flaw.damping
        phase = 2 * np.pi * frequency * time
        wave = np.sin(phase)
        if hit and flaw.splitting > 0:
            wave = 0.6 * wave + 0.4 * np.sin(phase * (1 - flaw.splitting))
        ring += gain * np.exp(-rate * time) * wave
    ring /= MODES[:, 2].sum()
    return ring


def _click(time: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """The hammer's own noise, gone after a few milliseconds."""
    envelope: NDArray[np.float64] = 0.25 * np.exp(-time / 0.003)
    return envelope * rng.normal(0, 1, time.shape)


def _rattle(time: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """Micro-impacts of a loose piece, ever weaker, each a short hiss."""
    buzz = np.zeros_like(time)
    moment = rng.uniform(0.004, 0.010)
    while moment < min(0.35, time[-1] - 0.01):
        start = round(moment * SAMPLE_RATE)
        length = min(96, len(time) - start)
        hiss = rng.normal(0, 1, length) * np.exp(-np.arange(length) / 18)
        buzz[start : start + length] += np.exp(-moment / 0.12) * hiss
        moment += rng.uniform(0.006, 0.012)
    return lfilter([1, -0.9], [1], buzz)  # type: ignore[no-any-return]


def _hall(samples: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Background: hum of the mains and the coloured noise of fans, louder some days."""
    level = HALL_LEVEL * np.exp(rng.normal(0, 0.25))
    fans = lfilter([1], [1, -0.85], rng.normal(0, 1, samples))
    hum = np.sin(2 * np.pi * 100 * np.arange(samples) / SAMPLE_RATE + rng.uniform(0, 2 * np.pi))
    return level * (fans + 0.8 * hum)  # type: ignore[no-any-return]
