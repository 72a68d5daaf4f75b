"""Which format a file has, by its content: a suffix is only what somebody called it.

The formats are Pillow's own; HEIC and JPEG XL come from plugins of the extra
``photos``, which are loaded when the first such file is met.
"""

from functools import cache
from importlib import import_module
from pathlib import Path

from PIL import Image, features

FORMATS = (
    *("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "JPEG2000", "PPM"),
    *("AVIF", "HEIF", "JXL"),
)
"""Formats that are read, by Pillow's names."""

HEAD_BYTES = 512
"""Of a file, enough for `format_of`."""

RAW = "RAW"
"""What `format_of` calls a camera's own data, of any maker: never read."""

_STARTS = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"BM", "BMP"),
    (b"MM\x00\x2a", "TIFF"),
    (b"II\x2a\x00", "TIFF"),
    (b"MM\x00\x2b", "TIFF"),
    (b"II\x2b\x00", "TIFF"),
    (b"\xff\x4f\xff\x51", "JPEG2000"),
    (b"\x00\x00\x00\x0cjP  \r\n\x87\n", "JPEG2000"),
    (b"\xff\x0a", "JXL"),
    (b"\x00\x00\x00\x0cJXL \r\n\x87\n", "JXL"),
    (b"FUJIFILMCCD-RAW", RAW),
    (b"IIRO", RAW),  # Olympus
    (b"IIRS", RAW),
    (b"MMOR", RAW),
    (b"IIU\x00", RAW),  # Panasonic
    (b"FOVb", RAW),  # Sigma
    (b"\x00MRM", RAW),  # Minolta
)
_RAW_SUFFIXES = {
    *(".3fr", ".arw", ".cr2", ".dcr", ".dng", ".erf", ".fff", ".iiq", ".kdc", ".mef"),
    *(".mos", ".nef", ".nrw", ".pef", ".raw", ".rwl", ".sr2", ".srf", ".srw"),
}
# Brands of ISO's box format: what a file says it is, or is compatible with.
_AVIF_BRANDS = {b"avif", b"avis"}
_HEIF_BRANDS = {
    *(b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"),
    *(b"mif1", b"msf1"),
}
_PLUGINS = {"HEIF": "pillow_heif", "JXL": "pillow_jxl"}


def format_of(head: bytes, path: Path) -> str | None:
    """One of ``FORMATS``, ``RAW``, or None for what is no picture that is known.

    Args:
        head: The first ``HEAD_BYTES`` bytes, or the whole of a shorter file.
        path: Tells a TIFF of a camera's raw data, which looks like any other.
    """
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    if head[4:8] == b"ftyp":
        return _format_of_brands(head)
    if head[:1] == b"P" and head[1:2] in b"123456" and head[2:3].isspace():
        return "PPM"
    known = next((name for start, name in _STARTS if head.startswith(start)), None)
    is_raw = head[8:10] == b"CR" or path.suffix.lower() in _RAW_SUFFIXES
    return RAW if known == "TIFF" and is_raw else known


def can_read(image_format: str) -> bool:
    """Whether Pillow reads the format here; loads its plugin if it needs one."""
    if image_format == "AVIF":
        return features.check("avif") is True
    return image_format not in _PLUGINS or _load_plugin(image_format)


@cache
def _load_plugin(image_format: str) -> bool:
    try:
        plugin = import_module(_PLUGINS[image_format])
    except ImportError:
        return False
    if image_format == "HEIF":
        plugin.register_heif_opener()
    return image_format in Image.OPEN


def _format_of_brands(head: bytes) -> str | None:
    """The format of a file of ISO boxes by the brands of its first box."""
    length = min(int.from_bytes(head[:4], "big"), len(head))
    brands = {head[start : start + 4] for start in (8, *range(16, length - 3, 4))}
    if head[8:11] == b"crx":
        return RAW  # Canon
    if brands & _AVIF_BRANDS:
        return "AVIF"
    return "HEIF" if brands & _HEIF_BRANDS else None
