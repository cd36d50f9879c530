"""What the frame around the samples says: which container it is, and whether its end is missing.

libsndfile and FFmpeg read a file that was cut short without a word in most containers, so that
the few header fields which tell are read here.
"""

from __future__ import annotations

import io
import os
import struct
from dataclasses import dataclass
from typing import BinaryIO

# Writers into a pipe cannot go back and fill in the size: they leave 0, or about 2**31 or 2**32.
_UNKNOWN_SIZE = 0x7FFF0000
# Some writers put the size of the whole file where the size of the data belongs.
_SIZE_SLACK = 64  # bytes
_LARGEST_OGG_PAGE = 65307  # bytes, RFC 3533
_END_OF_STREAM = 0x04


@dataclass(frozen=True)
class Container:
    """What the header says about the container.

    Parameters
    ----------
    name
        The container for people, or None where it is not known here.
    cut_short
        The header promises more than the file holds.
    counts_frames
        The header holds the true number of frames, not an estimate.
    missing_size_at
        Offset in bytes of a size field that a streaming writer left at zero, or None.
    """

    name: str | None = None
    cut_short: bool = False
    counts_frames: bool = False
    missing_size_at: int | None = None


def examine(file: BinaryIO) -> Container:
    """Read the header of a seekable file and leave the position at its beginning."""
    head = file.read(12)
    try:
        if head[:4] == b"RIFF" and head[8:] == b"WAVE":
            return _examine_chunks(file, "WAVE", "<", b"data")
        if head[:4] == b"FORM" and head[8:] in (b"AIFF", b"AIFC"):
            return _examine_chunks(file, "AIFF", ">", b"SSND")
        if head[:4] == b"fLaC":
            return Container("FLAC", counts_frames=True)
        if head[:4] == b"OggS":
            return Container("Ogg", cut_short=_ogg_is_cut(file))
        if head[4:8] == b"ftyp":
            return Container("MP4", counts_frames=True)
        if head[:4] == b"\x1a\x45\xdf\xa3":
            return Container("Matroska or WebM", counts_frames=True)
        if head[:3] == b"ID3" or (head[:1] == b"\xff" and head[1:2] >= b"\xe0"):
            return Container(counts_frames=_mp3_counts_frames(file))
        return Container()
    finally:
        file.seek(0)


def with_size(file: BinaryIO, container: Container) -> BinaryIO:
    """Return the file with the size filled in that its writer could not know."""
    if container.missing_size_at is None:
        return file
    content = bytearray(file.read())
    end_of_field = container.missing_size_at + 4
    order = "<I" if container.name == "WAVE" else ">I"
    struct.pack_into(order, content, container.missing_size_at, len(content) - end_of_field)
    return io.BytesIO(content)


def _examine_chunks(file: BinaryIO, name: str, order: str, wanted: bytes) -> Container:
    end = file.seek(0, os.SEEK_END)
    file.seek(4)
    form_end = 8 + int(struct.unpack(order + "I", file.read(4))[0])
    position = 12
    while position + 8 <= end:
        file.seek(position)
        identifier, size = struct.unpack(order + "4sI", file.read(8))
        position += 8
        if identifier == wanted:
            if size == 0 and position < end:
                follower = file.read(4)
                streamed = form_end <= position or not (follower.isascii() and follower.isalnum())
                return Container(name, missing_size_at=position - 4 if streamed else None)
            cut = size < _UNKNOWN_SIZE and size - (end - position) > _SIZE_SLACK
            return Container(name, cut_short=cut)
        position += size + size % 2
    return Container(name)


def _ogg_is_cut(file: BinaryIO) -> bool:
    end = file.seek(0, os.SEEK_END)
    start = file.seek(max(0, end - 2 * _LARGEST_OGG_PAGE))
    tail = file.read()
    page = tail.rfind(b"OggS\0")
    if page < 0 or page + 27 > len(tail):
        return True
    segments = tail[page + 26]
    payload = sum(tail[page + 27 : page + 27 + segments])
    page_end = start + page + 27 + segments + payload
    return not tail[page + 5] & _END_OF_STREAM or page_end > end


def _mp3_counts_frames(file: BinaryIO) -> bool:
    file.seek(0)
    head = file.read(10)
    start = 0
    if head[:3] == b"ID3" and len(head) == 10:
        # ID3v2 writes its size in four bytes of seven bits.
        start = 10
        for index, byte in enumerate(reversed(head[6:])):
            start += (byte & 0x7F) << (7 * index)
    file.seek(start)
    first_frame = file.read(200)
    return b"Xing" in first_frame or b"Info" in first_frame
