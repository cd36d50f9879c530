"""Make the sample clips that come with the package.

Run it from a checkout, with espeak-ng on the PATH::

    python scripts/make_samples.py [FOLDER]

espeak-ng speaks a sentence with a given rate, pitch and pitch range, and numpy adds what it cannot
do: a trembling voice, breath, the effort of a raised voice and the faint noise of a room. The noise
is seeded, so two runs with the same espeak-ng and soxr make the same samples.

The clips are for demonstrations and smoke tests. They are synthetic, their "emotion" is only what
the prosody was set to suggest, and no score may be computed from them.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

Samples = npt.NDArray[np.float64]

SAMPLING_RATE = 16_000
ESPEAK_VERSION = "1.51"  # the clips in the package were made with it; others may sound otherwise
FOLDER = Path(__file__).resolve().parents[1] / "src" / "serein" / "samples"
ROOM_TONE_LEVEL = -68.0  # dBFS
SILENCE_AROUND = 0.12  # seconds before and after the words
FRAME = 0.02  # seconds over which a level is taken

STATEMENT = (
    "Synthetic speech, for demonstration only: made by scripts/make_samples.py with espeak-ng. "
    "Nobody felt anything, the emotion is what the prosody was set to suggest, and no score may "
    "be computed from these clips."
)


@dataclass(frozen=True, kw_only=True)
class Clip:
    """One clip: what is said, by which voice, and how."""

    emotion: str
    sex: str
    voice: str
    """espeak-ng's voice and variant. Plain ``en-gb`` would drop the variant without a word."""
    text: str
    prosody: str
    """The intention in words, for the index."""
    rate: int
    """Words per minute."""
    pitch: int
    """espeak-ng's pitch, 0 to 99."""
    pitch_range: int
    """Per cent of the voice's own range, 0 to 200; 100 is as the voice speaks, 0 is monotone."""
    level: float
    """Level of the speech in dBFS."""
    effort: float = 0.0
    """Tilt of the spectrum above 500 Hz in dB an octave: above 0 pressed, below 0 soft."""
    breath: float = 0.0
    """Noise that follows the voice, relative to it."""
    tremor: float = 0.0
    """Depth of the trembling: 0.1 is 10 % of amplitude and some 20 cents of pitch."""
    tremor_rate: float = 7.0
    """Trembles per second."""

    @property
    def file(self) -> str:
        """Name of the clip's file."""
        return f"{self.emotion}.flac"


CLIPS = (
    Clip(
        emotion="angry",
        sex="male",
        voice="en-us+m3",
        text="Stop it! I told you never, ever to touch my things!",
        prosody="loud, pressed, fast, wide falling pitch",
        rate=205,
        pitch=80,
        pitch_range=200,
        level=-15.0,
        effort=3.5,
    ),
    Clip(
        emotion="calm",
        sex="male",
        voice="en-us+m7",
        text="Take your time. There is no hurry at all.",
        prosody="soft, slow, low and even pitch, slightly breathy",
        rate=130,
        pitch=32,
        pitch_range=60,
        level=-27.0,
        effort=-2.0,
        breath=0.06,
    ),
    Clip(
        emotion="disgusted",
        sex="male",
        voice="en-gb-scotland+m2",
        text="Ugh. That is the most revolting smell.",
        prosody="drawn out, low pitch, creaking tremor",
        rate=130,
        pitch=25,
        pitch_range=110,
        level=-22.0,
        effort=0.5,
        tremor=0.25,
        tremor_rate=22.0,
    ),
    Clip(
        emotion="fearful",
        sex="female",
        voice="en-us+f4",
        text="Please, don't go down there! Somebody is in the house!",
        prosody="fast, very high pitch, trembling, breathy",
        rate=215,
        pitch=90,
        pitch_range=90,
        level=-21.0,
        effort=0.5,
        breath=0.12,
        tremor=0.3,
        tremor_rate=8.0,
    ),
    Clip(
        emotion="happy",
        sex="female",
        voice="en-us+f3",
        text="What a lovely day! I am so glad that you came!",
        prosody="lively, high and wide rising pitch",
        rate=185,
        pitch=78,
        pitch_range=200,
        level=-18.0,
        effort=1.5,
    ),
    Clip(
        emotion="neutral",
        sex="male",
        voice="en-gb-x-rp+m1",
        text="The train to the city leaves at half past nine.",
        prosody="as the voice speaks by itself, narrow pitch",
        rate=165,
        pitch=45,
        pitch_range=70,
        level=-23.0,
    ),
    Clip(
        emotion="sad",
        sex="female",
        voice="en-gb-x-rp+f2",
        text="He went away, and he will not come back.",
        prosody="quiet, slow, low and flat pitch, breathy, weak in the high frequencies",
        rate=125,
        pitch=25,
        pitch_range=35,
        level=-30.0,
        effort=-3.5,
        breath=0.1,
        tremor=0.06,
        tremor_rate=5.0,
    ),
    Clip(
        emotion="surprised",
        sex="female",
        voice="en-gb-x-rp+f5",
        text="Oh! Is that really you? I can't believe it!",
        prosody="sudden, very wide pitch with high ends",
        rate=175,
        pitch=88,
        pitch_range=200,
        level=-18.0,
        effort=1.0,
    ),
)


def espeak_version() -> str:
    """Version of the espeak-ng on the PATH, such as 1.51."""
    command = ["espeak-ng", "--version"]
    answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found = re.search(r"\d+(\.\d+)+", answer)
    return found.group() if found else "unknown"


def speak(clip: Clip) -> Samples:
    """The sentence by espeak-ng, without the silence around it, at ``SAMPLING_RATE``."""
    text = f'<speak><prosody range="{clip.pitch_range}%">{escape(clip.text)}</prosody></speak>'
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "speech.wav"
        command = ["espeak-ng", "-m", "-z", "-v", clip.voice, "-s", str(clip.rate)]
        command += ["-p", str(clip.pitch), "-w", str(path), text]
        subprocess.run(command, check=True, capture_output=True)
        samples, sampling_rate = soundfile.read(path, dtype="float64")
    loud = np.flatnonzero(np.abs(samples) > 1e-3)
    samples = samples[loud[0] : loud[-1] + 1]
    return np.asarray(soxr.resample(samples, sampling_rate, SAMPLING_RATE), dtype=np.float64)


def press(samples: Samples, decibels_an_octave: float) -> Samples:
    """Tilt the spectrum above 500 Hz, as vocal effort does."""
    spectrum = np.fft.rfft(samples)
    frequencies = np.fft.rfftfreq(len(samples), 1 / SAMPLING_RATE)
    octaves = np.log2(np.clip(frequencies / 500.0, 1.0, 8.0))
    spectrum *= 10.0 ** (decibels_an_octave * octaves / 20.0)
    tilted: Samples = np.fft.irfft(spectrum, len(samples))
    return tilted


def tremble(samples: Samples, depth: float, rate: float) -> Samples:
    """Let amplitude and pitch waver together; the pitch by reading at a wavering time."""
    seconds = np.arange(len(samples)) / SAMPLING_RATE
    phase = 2 * np.pi * rate * seconds
    # A delay of d * sin(phase) bends the pitch by the ratio d * 2 * pi * rate.
    delay = 0.12 * depth / (2 * np.pi * rate)
    moved = np.interp(seconds + delay * np.sin(phase), seconds, samples)
    return moved * (1.0 - depth * (0.5 + 0.5 * np.cos(phase)))


def breathe(samples: Samples, amount: float, noise: Samples) -> Samples:
    """Add the noise of breath where there is voice."""
    width = round(FRAME * SAMPLING_RATE)
    envelope = np.sqrt(np.convolve(samples**2, np.full(width, 1 / width), mode="same"))
    return samples + amount * envelope * noise


def level_of(samples: Samples) -> float:
    """Level of the speech in dBFS, over the frames within 30 dB of the loudest."""
    width = round(FRAME * SAMPLING_RATE)
    frames = samples[: len(samples) // width * width].reshape(-1, width)
    power = (frames**2).mean(axis=1)
    return float(10 * np.log10(power[power > power.max() * 1e-3].mean()))


def make(clip: Clip) -> Samples:
    """The finished clip, float64 in -1 to 1 at ``SAMPLING_RATE``."""
    random = np.random.Generator(np.random.PCG64(zlib.crc32(clip.emotion.encode())))
    samples = press(speak(clip), clip.effort)
    if clip.tremor:
        samples = tremble(samples, clip.tremor, clip.tremor_rate)
    if clip.breath:
        samples = breathe(samples, clip.breath, random.standard_normal(len(samples)))
    samples = np.pad(samples, round(SILENCE_AROUND * SAMPLING_RATE))
    samples = samples * 10 ** ((clip.level - level_of(samples)) / 20)
    room = random.standard_normal(len(samples)) * 10 ** (ROOM_TONE_LEVEL / 20)
    samples = samples + press(room, -3.0)
    return samples * min(1.0, 0.9 / float(np.abs(samples).max()))


def index() -> str:
    """The text of ``index.toml``."""
    lines = [f"statement = {json.dumps(STATEMENT)}", f"sampling_rate = {SAMPLING_RATE}"]
    lines.append(f"espeak_ng = {json.dumps(ESPEAK_VERSION)}")
    for clip in CLIPS:
        lines += ["", "[[clip]]"]
        for key in ("file", "emotion", "sex", "voice", "prosody", "text"):
            lines.append(f"{key} = {json.dumps(getattr(clip, key))}")
    return "\n".join(lines) + "\n"


def main(folder: Path = FOLDER) -> None:
    """Write every clip and the index into ``folder``."""
    if espeak_version() != ESPEAK_VERSION:
        print(
            f"note: made with espeak-ng {espeak_version()}, not {ESPEAK_VERSION}", file=sys.stderr
        )
    folder.mkdir(parents=True, exist_ok=True)
    for clip in CLIPS:
        samples = make(clip)
        soundfile.write(folder / clip.file, samples, SAMPLING_RATE, subtype="PCM_16")
        print(f"{clip.file:16} {len(samples) / SAMPLING_RATE:.2f} s", file=sys.stderr)
    (folder / "index.toml").write_text(index(), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:2]))
