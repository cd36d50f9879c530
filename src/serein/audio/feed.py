"""Sound on its way from a device's thread to ours."""

from __future__ import annotations

from queue import Empty, SimpleQueue

from serein.audio.sources import Samples


class Feed:
    """Blocks that a device gives in a thread of its own; where nobody takes them the oldest go.

    Parameters
    ----------
    room
        Frames that wait at most.

    Attributes
    ----------
    lost
        Frames that went because nobody took them in time.
    """

    def __init__(self, room: int) -> None:
        self.lost = 0
        self._room = room
        self._blocks: SimpleQueue[Samples | None] = SimpleQueue()
        # Each number is written by one thread only, so that the device never waits for us.
        self._given = 0
        self._taken = 0

    def put(self, block: Samples) -> None:
        """Take a block of the device, shape (n, channels), whose memory is only lent."""
        self._given += len(block)
        self._blocks.put(block.copy())
        while self._given - self._taken - self.lost > self._room:
            try:
                oldest = self._blocks.get_nowait()
            except Empty:  # it was taken this very moment
                return
            self.lost += 0 if oldest is None else len(oldest)

    def end(self) -> None:
        """Say that nothing more comes."""
        self._blocks.put(None)

    def take(self, patience: float) -> Samples | None:
        """Wait for the next block; None where nothing more comes.

        Parameters
        ----------
        patience
            Seconds without a block after which none is expected any more.
        """
        try:
            block = self._blocks.get(timeout=patience)
        except Empty:
            return None
        self._taken += 0 if block is None else len(block)
        return block
