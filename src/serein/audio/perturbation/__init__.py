"""Changes that a sound meets on its way: noise, rooms, lines and codecs, another tempo or pitch.

Every change is a function of float32 mono samples of any number, none and silence included, and
returns new ones; what is drawn by chance comes from a generator that the caller seeds. Full scale
is ±1, and only `clip` and `mu_law` keep to it.
"""

from serein.audio.perturbation.codec import CODECS, encode
from serein.audio.perturbation.line import amplify, band_limit, clip, mu_law, telephone
from serein.audio.perturbation.noise import add_noise, pink_noise, white_noise
from serein.audio.perturbation.room import made_response, read_response, reverberate
from serein.audio.perturbation.tempo import change_pitch, change_speed, change_tempo, shift

__all__ = [
    "CODECS",
    "add_noise",
    "amplify",
    "band_limit",
    "change_pitch",
    "change_speed",
    "change_tempo",
    "clip",
    "encode",
    "made_response",
    "mu_law",
    "pink_noise",
    "read_response",
    "reverberate",
    "shift",
    "telephone",
    "white_noise",
]
