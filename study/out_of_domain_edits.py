"""Edits by another library, for a test set that nothing is tuned on.

Many kinds are not in ``conf/base/parameters_edits.yml``: lenses,
warps, weather, cameras. They come from Albumentations, of the extra ``study``.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import Any

import matplotlib
import numpy as np
from PIL import Image

_REFLECT = 4  # OpenCV's name for a border that mirrors the image.
_FONT = f"{matplotlib.get_data_path()}/fonts/ttf/DejaVuSans-Bold.ttf"
_WORDS = ("sunday", "lunch", "the best", "day", "who was", "there", "wait for", "it")


@dataclass(frozen=True)
class Edit:
    """One kind of edit.

    Attributes:
        weight: How often it is drawn, beside the others of its stage.
        transform: Name of Albumentations' class.
        parameters: What the class is made with; pairs are ranges.
    """

    weight: float
    transform: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True)
class Stage:
    """Edits of which between ``num_edits[0]`` and ``num_edits[1]`` are drawn."""

    num_edits: tuple[int, int]
    edits: Mapping[str, Edit]


STAGES = (
    Stage(  # What is seen of the image, and through which lens.
        (1, 1),
        {
            "random_resized_crop": Edit(
                4,
                "RandomResizedCrop",
                {"size": (256, 320), "scale": (0.25, 0.8), "ratio": (0.6, 1.8)},
            ),
            "safe_rotate": Edit(
                1.5, "SafeRotate", {"limit": (-45, 45), "border_mode": _REFLECT}
            ),
            "perspective": Edit(
                1, "Perspective", {"scale": (0.1, 0.2), "border_mode": _REFLECT}
            ),
            "crop_and_pad": Edit(
                1, "CropAndPad", {"percent": (-0.25, 0.4), "border_mode": _REFLECT}
            ),
            "barrel": Edit(1, "OpticalDistortion", {"distort_limit": (0.3, 0.7)}),
            "pincushion": Edit(
                0.5, "OpticalDistortion", {"distort_limit": (-0.9, -0.4)}
            ),
            "grid_distortion": Edit(
                1, "GridDistortion", {"distort_limit": (-0.7, 0.7)}
            ),
            "elastic": Edit(0.7, "ElasticTransform", {"alpha": 400, "sigma": 9}),
            "thin_plate_spline": Edit(
                0.7, "ThinPlateSpline", {"scale_range": (0.1, 0.2)}
            ),
            "grid_shuffle": Edit(0.5, "RandomGridShuffle", {"grid": (2, 2)}),
            "transpose": Edit(0.5, "Transpose", {}),
        },
    ),
    Stage(  # What comes between the image and the eye.
        (0, 1),
        {
            "fog": Edit(
                1, "RandomFog", {"fog_coef_range": (0.4, 0.8), "alpha_coef": 0.12}
            ),
            "rain": Edit(1, "RandomRain", {"rain_type": "heavy"}),
            "sun_flare": Edit(
                1,
                "RandomSunFlare",
                {"src_radius": 140, "flare_roi": (0.1, 0.1, 0.9, 0.9)},
            ),
            "shadow": Edit(
                1,
                "RandomShadow",
                {
                    "shadow_roi": (0, 0, 1, 1),
                    "num_shadows_limit": (2, 4),
                    "shadow_intensity_range": (0.4, 0.8),
                },
            ),
            "gravel": Edit(
                0.5,
                "RandomGravel",
                {"gravel_roi": (0, 0, 1, 1), "number_of_patches": 20},
            ),
            "spatter": Edit(1, "Spatter", {"mode": "mud"}),
            "coarse_dropout": Edit(
                1,
                "CoarseDropout",
                {
                    "num_holes_range": (4, 8),
                    "hole_height_range": (0.08, 0.25),
                    "hole_width_range": (0.08, 0.25),
                    "fill": "random_uniform",
                },
            ),
            "grid_dropout": Edit(
                0.7,
                "GridDropout",
                {
                    "ratio": 0.4,
                    "unit_size_range": (30, 70),
                    "fill": "random_uniform",
                },
            ),
            "text_image": Edit(
                1,
                "TextImage",
                {"font_color": (255, 230, 0), "font_size_fraction_range": (0.7, 0.9)},
            ),
        },
    ),
    Stage(  # What the camera and the file do to it.
        (1, 2),
        {
            "clahe": Edit(0.7, "CLAHE", {"clip_limit": (4, 12)}),
            "tone_curve": Edit(
                1, "RandomToneCurve", {"scale": 0.4, "per_channel": True}
            ),
            "planckian_jitter": Edit(0.7, "PlanckianJitter", {}),
            "channel_dropout": Edit(1, "ChannelDropout", {"fill": 0}),
            "sepia": Edit(1, "ToSepia", {}),
            "emboss": Edit(
                0.7, "Emboss", {"alpha": (0.5, 0.9), "strength": (0.6, 1.0)}
            ),
            "dilation": Edit(0.5, "Morphological", {"scale": (3, 5)}),
            "iso_noise": Edit(
                1,
                "ISONoise",
                {"color_shift": (0.05, 0.1), "intensity": (0.4, 0.8)},
            ),
            "salt_and_pepper": Edit(0.7, "SaltAndPepper", {"amount": (0.02, 0.08)}),
            "pixel_dropout": Edit(
                0.5, "PixelDropout", {"dropout_prob": 0.1, "per_channel": True}
            ),
            "chromatic_aberration": Edit(
                0.7,
                "ChromaticAberration",
                {
                    "primary_distortion_limit": (0.1, 0.4),
                    "secondary_distortion_limit": (0.1, 0.4),
                    "mode": "random",
                },
            ),
            "glass_blur": Edit(0.7, "GlassBlur", {"sigma": 0.7}),
            "zoom_blur": Edit(0.7, "ZoomBlur", {"max_factor": (1.1, 1.2)}),
            "defocus": Edit(0.7, "Defocus", {"radius": (4, 7)}),
            "downscale": Edit(1, "Downscale", {"scale_range": (0.2, 0.4)}),
            "jpeg": Edit(1, "ImageCompression", {"quality_range": (5, 20)}),
            "webp": Edit(
                1,
                "ImageCompression",
                {"compression_type": "webp", "quality_range": (1, 15)},
            ),
        },
    ),
)


def albumentations() -> ModuleType:
    """The library.

    Raises:
        ModuleNotFoundError: If it is not installed; says how to install it.
    """
    # It asks the network for a newer version of itself unless told not to.
    os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
    try:
        return import_module("albumentations")
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "The edits of this test set need the package albumentations, which is not "
            "installed. Install it: pip install 'qk-iteration[study]'"
        ) from error


def edit_abroad(
    image: Image.Image, generator: np.random.Generator
) -> tuple[Image.Image, Sequence[str]]:
    """A copy of an RGB image after random edits, and their names, first to last."""
    library = albumentations()
    names: list[str] = []
    transforms = []
    for stage in STAGES:
        for name in _draw(stage, generator):
            edit = stage.edits[name]
            names.append(name)
            transforms.append(_transform(edit, library))
    chain = library.Compose(transforms, seed=int(generator.integers(2**31)))
    edited = chain(image=np.asarray(image), textimage_metadata=_caption(generator))
    return Image.fromarray(edited["image"]), names


def _transform(edit: Edit, library: ModuleType) -> Any:
    # Its place differs from machine to machine, so it is no setting.
    font = {"font_path": _FONT} if edit.transform == "TextImage" else {}
    return getattr(library, edit.transform)(**edit.parameters, **font, p=1)


def _draw(stage: Stage, generator: np.random.Generator) -> list[str]:
    """Names by weight, none twice."""
    low, high = stage.num_edits
    weights = np.array([edit.weight for edit in stage.edits.values()])
    drawn = generator.choice(
        list(stage.edits),
        size=generator.integers(low, high, endpoint=True),
        replace=False,
        p=weights / weights.sum(),
    )
    return [str(name) for name in drawn]


def _caption(generator: np.random.Generator) -> dict[str, Any]:
    """A few words for `TextImage`, and where they stand: left, top, right, bottom."""
    words = generator.choice(_WORDS, size=3, replace=False)
    top = generator.uniform(0, 0.8)
    return {"bbox": (0.05, top, 0.95, top + 0.18), "text": " ".join(words)}
