"""Width and height of a JPEG XL file, from its first bytes.

The plugin decodes the whole picture when it opens a file, so its size must be known
before.

References:
    ISO/IEC 18181-1, the size header; ISO/IEC 18181-2, the boxes around it.
"""

from typing import BinaryIO

_CODESTREAM = b"\xff\x0a"
_HEADER_BYTES = 16
_MOST_BOXES = 1000  # Before the picture; real files have up to ten.
_SIZE_BITS = (9, 13, 18, 30)
# Width over height, by the number in the header; 0 says that the width is spelled out.
_RATIOS = {
    1: (1, 1),
    2: (12, 10),
    3: (4, 3),
    4: (3, 2),
    5: (16, 9),
    6: (5, 4),
    7: (2, 1),
}


def read_jxl_size(file: BinaryIO) -> tuple[int, int]:
    """Width and height, in pixels; the file stays where it was.

    Raises:
        ValueError: If the file has no such header.
    """
    start = file.tell()
    try:
        header = _find_codestream(file)
    finally:
        file.seek(start)
    if not header.startswith(_CODESTREAM) or len(header) < len(_CODESTREAM) + 1:
        raise ValueError("the file has no JPEG XL header")
    return _parse(int.from_bytes(header[2:], "little"))


def _find_codestream(file: BinaryIO) -> bytes:
    """The first bytes of the picture's data, boxes around it passed over."""
    head = file.read(_HEADER_BYTES)
    if head.startswith(_CODESTREAM):
        return head
    position = 0
    for _ in range(_MOST_BOXES):
        file.seek(position)
        box = file.read(16)
        length, kind = int.from_bytes(box[:4], "big"), box[4:8]
        body = 8
        if length == 1:
            length, body = int.from_bytes(box[8:16], "big"), 16
        if kind in (b"jxlc", b"jxlp"):
            # Parts are numbered; the first holds the header.
            file.seek(position + body + (4 if kind == b"jxlp" else 0))
            return file.read(_HEADER_BYTES)
        if length < body:  # The last box, or none.
            break
        position += length
    return b""


def _parse(bits: int) -> tuple[int, int]:
    """The size header: least significant bits first."""
    is_small, bits = bits & 1, bits >> 1
    height, bits = _parse_side(bits, is_small=bool(is_small))
    ratio, bits = bits & 7, bits >> 3
    if ratio:
        wide, high = _RATIOS[ratio]
        return height * wide // high, height
    width, _ = _parse_side(bits, is_small=bool(is_small))
    return width, height


def _parse_side(bits: int, *, is_small: bool) -> tuple[int, int]:
    """One side, and the bits behind it."""
    if is_small:
        return ((bits & 31) + 1) * 8, bits >> 5
    num_bits, bits = _SIZE_BITS[bits & 3], bits >> 2
    return (bits & ((1 << num_bits) - 1)) + 1, bits >> num_bits
