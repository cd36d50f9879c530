"""Features of a sound, computed in numpy, the same in training and serving."""

from serein.features.spec import KINDS, Features, FeatureSpec

__all__ = ["KINDS", "FeatureSpec", "Features"]
