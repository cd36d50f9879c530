"""The sounds that the benchmarks judge: of the corpora, or made."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

SAMPLING_RATE = 16_000
SECONDS = 3.0  # of `voice`
CORPORA = Path(
    os.environ.get("SEREIN_CORPORA") or Path(__file__).resolve().parents[2] / "shared" / "corpora"
)
CLIPS = 300  # of the corpora, that a long recording is put together of
MINUTE = 60 * SAMPLING_RATE
TALK = 45 * SAMPLING_RATE  # of every minute; silence is the rest
PAUSES = (0.2, 1.0)  # seconds between clips: the shortest and the longest
ROOM_NOISE = 1e-3  # standard deviation of the noise under a voice; full scale is 1
FULL_SCALE = 32_767  # of 16 bits

Samples = npt.NDArray[np.float32]


def voice() -> Samples:
    """Three seconds of something voiced, with pauses, and a faint noise, float32 (n,)."""
    moment = np.arange(int(SECONDS * SAMPLING_RATE)) / SAMPLING_RATE
    phase = 2 * np.pi * np.cumsum(140 + 40 * np.sin(2 * np.pi * 0.7 * moment)) / SAMPLING_RATE
    sound = sum(np.sin(order * phase) / order for order in range(1, 40))
    syllables = np.clip(np.sin(2 * np.pi * 2.5 * moment), 0.01, None)
    noise = ROOM_NOISE * np.random.default_rng(0).standard_normal(moment.size)
    samples: Samples = (0.2 * sound * syllables + noise).astype(np.float32)
    return samples


def sounds() -> list[Path]:
    """All sound files of the corpora."""
    from serein.filenames import is_audio

    return sorted(path for path in CORPORA.rglob("*") if is_audio(path))


def conversation(minutes: int) -> Iterator[Samples]:
    """A long recording of real clips and silence, minute by minute.

    Every minute has 45 s of clips in a random order, with pauses between them and a faint noise
    under all of it, and 15 s of digital silence. So each costs about the same. The same
    minutes come again in every run.

    Parameters
    ----------
    minutes
        How many; float32 (960,000,) each.
    """
    clips = _clips()
    random = np.random.default_rng(0)
    held = np.zeros(0, dtype=np.float32)
    for _ in range(minutes):
        parts, length = [held], len(held)
        while length < TALK:
            pause = np.zeros(int(random.uniform(*PAUSES) * SAMPLING_RATE), dtype=np.float32)
            parts += [clips[random.integers(len(clips))], pause]
            length += len(parts[-2]) + len(pause)
        talk = np.concatenate(parts)
        held = talk[TALK:]  # a clip that does not fit goes on in the next minute
        minute = np.zeros(MINUTE, dtype=np.float32)
        minute[:TALK] = talk[:TALK]
        minute[:TALK] += ROOM_NOISE * random.standard_normal(TALK, dtype=np.float32)
        yield np.clip(minute, -1.0, 1.0)


def write_conversation(path: Path, minutes: int) -> None:
    """Write a `conversation` as a WAV file, mono, 16 bits, 115 MB an hour."""
    import soundfile

    with soundfile.SoundFile(path, "w", SAMPLING_RATE, 1, "PCM_16") as file:
        for minute in conversation(minutes):
            file.write(np.rint(FULL_SCALE * minute).astype(np.int16))


def _clips() -> list[Samples]:
    """Evenly of all sounds in the corpora."""
    from serein.audio import decode

    paths = sounds()
    if not paths:
        raise SystemExit(f"not measured: there are no sounds in {CORPORA} (set SEREIN_CORPORA)")
    chosen = paths[:: max(1, len(paths) // CLIPS)]
    return [decode(path, sampling_rate=SAMPLING_RATE).samples for path in chosen]
