"""``serein`` with a slow model, and with sounds that end the process which judges them.

It is run as a program: its processes import it anew, and so are as slow and as mortal.
"""

from __future__ import annotations

import os
import sys
import time
from typing import Any

from serein.cli.main import main
from serein.recognition.recognizer import Recognizer

PAUSE = 0.02  # seconds for every clip

_predict = Recognizer.predict


def predict(self: Recognizer, source: Any, **options: Any) -> Any:
    if "deadly" in str(source):
        os._exit(137)  # as one that was killed for its memory
    if "faulty" in str(source):
        raise ZeroDivisionError("a fault of ours")
    time.sleep(PAUSE)
    return _predict(self, source, **options)


Recognizer.predict = predict  # type: ignore[method-assign]


def begin() -> None:
    """What a worker of Ray calls when it begins, so that it is as slow and as mortal."""


if __name__ == "__main__":
    sys.exit(main())
