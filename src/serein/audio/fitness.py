"""Is a recording fit to be judged? What is doubtful becomes a typed warning."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from serein.audio.decode import Recording
from serein.audio.signal import active_level, estimate_snr, power_spectrum
from serein.audio.sources import Samples
from serein.results import InputWarning


@dataclass(frozen=True)
class Thresholds:
    """All limits of the warnings, in one place.

    Parameters
    ----------
    clipped_share
        Share of samples in runs at full scale, 0 to 1; more is `clipped`.
    silent_peak
        dBFS; a lower peak is `silent`.
    quiet_level
        dBFS; a lower speech level is `too_quiet`.
    shortest, longest
        Seconds; less is `too_short`, more is `too_long`.
    narrow_band_edge
        Hz; `narrow_band` has next to nothing above it. A telephone line ends at 3.4 kHz, a sound
        that once had 8 kHz sampling at 4 kHz.
    narrow_band_share
        Share, 0 to 1, of the pre-emphasised energy above the edge; less is `narrow_band`. Without
        pre-emphasis, which makes up for the fall of voices towards high frequencies, a good half
        of clean wide-band speech would be taken for telephone speech.
    noisy_snr
        dB; a lower estimate is `noisy`.
    speech_probability
        0 to 1; a lower one is `no_speech`.
    """

    clipped_share: float = 0.001
    silent_peak: float = -80.0
    quiet_level: float = -50.0
    shortest: float = 0.5
    longest: float = 30.0
    narrow_band_edge: float = 4_000.0
    narrow_band_share: float = 0.01
    noisy_snr: float = 5.0
    speech_probability: float = 0.5

    @property
    def silent_amplitude(self) -> float:
        """The silent peak as a sample, where full scale is 1."""
        return float(10.0 ** (self.silent_peak / 20.0))


def inspect(
    recording: Recording, *, highest: float | None = None, thresholds: Thresholds | None = None
) -> tuple[InputWarning, ...]:
    """Name what makes the judgement of a recording doubtful.

    Parameters
    ----------
    recording
        As `serein.audio.decode` returns it, at the model's sampling rate.
    highest
        Hz up to which the model listens; half its sampling rate by default.
    thresholds
        Where doubt begins.

    Returns
    -------
    warnings
        Of the codes clipped, silent, too_quiet, too_short, too_long, narrow_band, noisy,
        multichannel, out_of_phase and truncated, in this order. A silent recording has no level,
        band or noise to warn of.

    Examples
    --------
    >>> import numpy as np
    >>> from serein.audio import decode
    >>> recording = decode((np.zeros(16_000), 16_000), sampling_rate=16_000)
    >>> [warning.code for warning in inspect(recording)]
    ['silent']
    """
    thresholds = thresholds or Thresholds()
    found = [
        *_about_level(recording, thresholds),
        *_about_duration(recording, thresholds),
        *_about_quality(recording, highest or recording.sampling_rate / 2, thresholds),
        *_about_file(recording),
    ]
    return tuple(InputWarning(code, message) for code, message in found)


def inspect_speech(
    probability: float, *, thresholds: Thresholds | None = None
) -> tuple[InputWarning, ...]:
    """Name what makes the judgement doubtful once a model has told how likely speech is.

    Parameters
    ----------
    probability
        That the recording is speech, 0 to 1.
    thresholds
        Where doubt begins.

    Returns
    -------
    warnings
        One of the code no_speech, or none.

    Examples
    --------
    >>> [warning.code for warning in inspect_speech(0.02)]
    ['no_speech']
    """
    thresholds = thresholds or Thresholds()
    if probability >= thresholds.speech_probability:
        return ()
    message = (
        f"The probability of speech is {probability:.0%}, under"
        f" {thresholds.speech_probability:.0%}: this sounds like noise, music or silence, and the"
        " emotion says nothing. Give a recording of somebody who speaks."
    )
    return (InputWarning("no_speech", message),)


def _is_silent(recording: Recording, thresholds: Thresholds) -> bool:
    samples = recording.samples
    peak = max(float(samples.max()), -float(samples.min())) if len(samples) else 0.0
    return bool(peak < thresholds.silent_amplitude)


def _about_level(recording: Recording, thresholds: Thresholds) -> Iterator[tuple[str, str]]:
    if recording.clipped_share > thresholds.clipped_share:
        yield (
            "clipped",
            f"{recording.clipped_share:.1%} of the samples are clipped at full scale; record again"
            " with a lower input gain.",
        )
    if _is_silent(recording, thresholds):
        yield (
            "silent",
            f"No sample is above {thresholds.silent_peak:g} dBFS: the recording is silent. Check"
            " that the microphone is on and chosen.",
        )
        return
    level = active_level(recording.samples, recording.sampling_rate)
    if level < thresholds.quiet_level:
        yield (
            "too_quiet",
            f"The speech level is {level:.0f} dBFS, under {thresholds.quiet_level:g}; move closer"
            " to the microphone or raise its gain.",
        )


def _about_duration(recording: Recording, thresholds: Thresholds) -> Iterator[tuple[str, str]]:
    if recording.duration < thresholds.shortest:
        yield (
            "too_short",
            f"The recording has {recording.duration:.2f} s, under {thresholds.shortest:g} s, and"
            " is padded; give a whole phrase.",
        )
    if recording.duration > thresholds.longest:
        yield (
            "too_long",
            f"The recording has {recording.duration:.1f} s, over {thresholds.longest:g} s, and is"
            " judged in pieces whose probabilities are averaged; cut it where the emotion changes.",
        )


def _about_quality(
    recording: Recording, highest: float, thresholds: Thresholds
) -> Iterator[tuple[str, str]]:
    if _is_silent(recording, thresholds):
        return
    samples, rate = recording.samples, recording.sampling_rate
    if recording.original_sampling_rate < 2 * highest:
        yield (
            "narrow_band",
            f"The sampling rate is {recording.original_sampling_rate} Hz and the model listens up"
            f" to {highest:g} Hz; record at {2 * highest:g} Hz or more.",
        )
    elif rate > 2 * thresholds.narrow_band_edge:
        share = _share_above(samples, rate, thresholds.narrow_band_edge)
        if share < thresholds.narrow_band_share:
            yield (
                "narrow_band",
                f"There is next to nothing above {thresholds.narrow_band_edge / 1000:g} kHz"
                f" ({share:.2%} of the pre-emphasised energy), as on a telephone line; use a"
                " wide-band recording if there is one.",
            )
    snr = estimate_snr(samples, rate)
    if snr < thresholds.noisy_snr:
        yield (
            "noisy",
            f"The signal-to-noise ratio is about {snr:.0f} dB, under {thresholds.noisy_snr:g} dB;"
            " record in a quieter place or closer to the microphone.",
        )


def _about_file(recording: Recording) -> Iterator[tuple[str, str]]:
    if recording.channels > 1:
        how = "the loudest was taken" if recording.out_of_phase else "they were averaged"
        yield (
            "multichannel",
            f"The recording has {recording.channels} channels and {how}; if each has a speaker of"
            " its own, judge them one by one.",
        )
    if recording.out_of_phase:
        yield (
            "out_of_phase",
            "The channels cancel when averaged (one has its polarity reversed), so the louder one"
            " was taken; check the cable or the mixing.",
        )
    if recording.truncated:
        yield (
            "truncated",
            f"The file is cut short; the {recording.duration:.1f} s that are there were judged."
            " Copy or record it again.",
        )


def _share_above(samples: Samples, sampling_rate: int, edge: float) -> float:
    frequencies, power = power_spectrum(samples, sampling_rate)
    # The power response of the first difference x[n] - x[n-1].
    emphasised = power * np.sin(np.pi * frequencies / sampling_rate) ** 2
    total = float(emphasised.sum())
    return float(emphasised[frequencies > edge].sum()) / total if total > 0.0 else 0.0
