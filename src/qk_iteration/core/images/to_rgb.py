"""Pictures of every mode as RGB.

Transparency is laid over ``BACKGROUND``. Grey of 12 or 16 bits is scaled to 8 bits, so
that the largest value is white; 32 bits and floats have no fixed range, so there the
smallest value becomes black and the largest white. Of signed bytes -128 is black. TIFF
files in which white is zero are inverted, as Pillow does for 8 bits. All others (CMYK,
palette, grey, 1-bit, YCbCr) are Pillow's conversion.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, TiffImagePlugin

# Pillow knows the little-endian twin only.
TiffImagePlugin.OPEN_INFO.setdefault(
    (TiffImagePlugin.MM, 0, (1,), 1, (16,), ()), ("I;16B", "I;16B")
)

BACKGROUND = (255, 255, 255)

_PHOTOMETRIC_TAG = 262
_BITS_TAG = 258
_SAMPLE_FORMAT_TAG = 339
_UNSIGNED, _SIGNED = 1, 2
_WHITE_IS_ZERO = 0
_GREY_STEPS = {
    "L;2": 85,
    "L;4": 17,
}  # By Pillow's name: of 8 bits, from one to the next.
_VALUES_AT_ONCE = 1 << 22  # Wide numbers of the whole picture would take gigabytes.


def to_rgb(image: Image.Image) -> Image.Image:
    """A loaded image as RGB."""
    if image.mode == "L" and _sample_format(image) == _SIGNED:
        image = Image.fromarray(np.asarray(image) ^ 0x80)
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        image = _to_eight_bits(image)
    if image.mode in ("La", "RGBa"):  # Premultiplied.
        image = image.convert("LA" if image.mode == "La" else "RGBA")
    if not image.has_transparency_data:
        return image.convert("RGB")
    canvas = Image.new("RGBA", image.size, (*BACKGROUND, 255))
    canvas.alpha_composite(image.convert("RGBA"))
    return canvas.convert("RGB")


def scale_transparent_color(image: Image.Image) -> None:
    """Make the transparent color of an opened PNG file one of its pixels.

    Pillow scales pixels of 2, 4 and 3 x 16 bits to 8 bits, and not this color. Of 16
    bits the upper eight count, as in the pixels.
    """
    color, tiles = image.info.get("transparency"), getattr(image, "tile", ())
    if color is None or not tiles:  # A file that is cut off has no tile.
        return
    kind = tiles[0][3]
    if kind in _GREY_STEPS:
        image.info["transparency"] = _GREY_STEPS[kind] * color
    elif kind == "RGB;16B":
        image.info["transparency"] = tuple(value >> 8 for value in color)


def _to_eight_bits(image: Image.Image) -> Image.Image:
    """Grey values of 12, 16 or 32 bits, or floats, scaled to 0..255."""
    values = np.asarray(image)
    tags = getattr(image, "tag_v2", {})
    if image.mode.startswith("I;16"):
        bits = tags.get(_BITS_TAG, (16,))[0]
        lowest, highest = 0.0, float(2 ** min(bits, 16) - 1)
    elif image.mode == "I" and image.format == "PPM":  # Pillow scales it to 16 bits.
        lowest, highest = 0.0, float(2**16 - 1)
    else:
        if image.mode == "I" and _sample_format(image) == _UNSIGNED:
            values = values.view(np.uint32)  # Pillow takes them for signed.
        lowest, highest = _range_of(values)
    scale = 255.0 / (highest - lowest) if highest > lowest else 0.0
    scaled = np.empty(values.shape, np.uint8)
    rows = max(1, _VALUES_AT_ONCE // values.shape[1])
    for start in range(0, len(values), rows):
        wide = values[start : start + rows].astype(np.float64)
        wide = np.nan_to_num((wide - lowest) * scale)
        scaled[start : start + rows] = np.rint(wide.clip(0, 255))
    if tags.get(_PHOTOMETRIC_TAG) == _WHITE_IS_ZERO:
        scaled = 255 - scaled
    if image.has_transparency_data:  # One value, of a PNG file.
        scaled[values == image.info["transparency"]] = BACKGROUND[0]
    return Image.fromarray(scaled)


def _sample_format(image: Image.Image) -> int | None:
    """What a TIFF file says its numbers are, or None."""
    formats = getattr(image, "tag_v2", {}).get(_SAMPLE_FORMAT_TAG)
    return formats[0] if formats else None


def _range_of(values: NDArray[np.generic]) -> tuple[float, float]:
    """The smallest and largest finite value; two zeros where there is none."""
    if values.dtype.kind == "f":
        values = values[np.isfinite(values)]
    return (float(values.min()), float(values.max())) if values.size else (0.0, 0.0)
