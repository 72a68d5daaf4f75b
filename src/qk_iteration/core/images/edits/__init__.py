"""Random edits of images, the kinds that copies on the web have gone through.

An edit is a small pure function ``(image, generator, *, ranges...) -> image``: RGB in,
RGB out, its input untouched, the same result for the same generator on every machine.
Edits that lay pictures or stickers over the image also take ``material``. All ranges
come from the YAML; there are no defaults.

A new edit is one function in the file of its theme and its line below.
"""

from collections.abc import Callable, Mapping

from PIL import Image

from qk_iteration.core.images.edits import (
    color,
    composition,
    degradation,
    drawing,
    effects,
    geometry,
    screenshot,
)
from qk_iteration.core.images.edits.material import Material, Pictures

__all__ = ["EDITS", "Edit", "Material", "Pictures"]

Edit = Callable[..., Image.Image]

EDITS: Mapping[str, Edit] = {
    edit.__name__: edit
    for edit in (
        geometry.crop,
        geometry.flip_horizontal,
        geometry.flip_vertical,
        geometry.rotate_quarter,
        geometry.rotate,
        geometry.perspective,
        geometry.shear,
        geometry.change_aspect_ratio,
        geometry.shrink,
        color.change_brightness,
        color.change_contrast,
        color.change_saturation,
        color.change_hue,
        color.change_gamma,
        color.grayscale,
        color.invert,
        color.swap_channels,
        color.posterize,
        color.solarize,
        color.tint,
        color.change_opacity,
        color.equalize,
        color.vignette,
        color.shift_channels,
        degradation.blur,
        degradation.sharpen,
        degradation.enhance_edges,
        degradation.add_noise,
        degradation.compress_jpeg,
        degradation.pixelize,
        degradation.shuffle_pixels,
        degradation.erase,
        drawing.write_text,
        drawing.paste_stickers,
        drawing.draw_stripes,
        drawing.scribble,
        drawing.watermark,
        composition.overlay_picture,
        composition.overlay_onto_picture,
        composition.collage,
        composition.blend_picture,
        composition.pad,
        composition.letterbox,
        composition.meme,
        screenshot.screenshot,
        effects.blur_motion,
        effects.reduce_palette,
        effects.halftone,
        effects.wave,
        effects.shuffle_tiles,
    )
}
