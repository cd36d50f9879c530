"""Model bundles: a folder with a manifest, an ONNX graph and a card."""

from serein.bundle.bundle import Bundle, Output, Voice
from serein.bundle.files import (
    DEFAULT_BUNDLE,
    available_bundles,
    find_bundle,
    require_vacant,
    sha256_of,
)
from serein.bundle.manifest import (
    CARD_FILE,
    MODES,
    Graph,
    Manifest,
    Mode,
    Normalization,
)

__all__ = [
    "CARD_FILE",
    "DEFAULT_BUNDLE",
    "MODES",
    "Bundle",
    "Graph",
    "Manifest",
    "Mode",
    "Normalization",
    "Output",
    "Voice",
    "available_bundles",
    "find_bundle",
    "require_vacant",
    "sha256_of",
]
