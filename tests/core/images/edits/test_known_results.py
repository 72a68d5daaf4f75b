"""Edits are compared with results that follow from their descriptions."""

import numpy as np
import pytest
from PIL import Image

from qk_iteration.core.images.edits import (
    EDITS,
    Material,
    color,
    composition,
    degradation,
    drawing,
    effects,
    geometry,
)

GREY = (77, 77, 77)


def rng(seed=0):
    return np.random.default_rng(seed)


def random_image(width=64, height=48):
    pixels = rng().integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def pixels(image):
    return np.asarray(image).astype(int)


@pytest.mark.parametrize("seed", range(5))
def test_a_crop_is_a_window_of_the_asked_area(seed):
    image = random_image(200, 100)
    window = geometry.crop(image, rng(seed), area=(0.25, 0.25), aspect_ratio=(0.5, 2))
    assert window.width * window.height == pytest.approx(5000, rel=0.05)
    rows = np.lib.stride_tricks.sliding_window_view(
        pixels(image), (window.height, window.width, 3)
    )
    assert (rows == pixels(window)).all(axis=(3, 4, 5)).any()


def test_flips_and_quarter_turns_undo_themselves():
    image = random_image()
    for flip in (geometry.flip_horizontal, geometry.flip_vertical):
        assert np.array_equal(pixels(flip(flip(image, rng()), rng())), pixels(image))
    turned = geometry.rotate_quarter(image, rng(0))
    assert any(
        np.array_equal(pixels(turned), np.rot90(pixels(image), k)) for k in (1, 2, 3)
    )


@pytest.mark.parametrize("angle", [1, 20, 45, 70, 90, 135, 180])
@pytest.mark.parametrize("size", [(90, 90), (160, 60), (60, 160)])
def test_the_smallest_frame_of_a_rotation_has_no_background(angle, size):
    image = Image.new("RGB", size, GREY)
    results = [
        geometry.rotate(image, rng(seed), angle=(angle, angle)) for seed in range(30)
    ]
    smallest = min(results, key=lambda result: result.width * result.height)
    inside = pixels(smallest)[2:-2, 2:-2]
    assert inside.size > 0
    assert (inside == GREY).all()


def test_perspective_moves_the_corners_where_it_says():
    corners = np.array([[3.0, 5.0], [57.0, -4.0], [70.0, 44.0], [-6.0, 50.0]])
    a, b, c, d, e, f, g, h = geometry._perspective_coefficients(corners, (64, 48))
    frame = [(0, 0), (64, 0), (64, 48), (0, 48)]
    mapped = [
        (
            (a * x + b * y + c) / (g * x + h * y + 1),
            (d * x + e * y + f) / (g * x + h * y + 1),
        )
        for x, y in frame
    ]
    np.testing.assert_allclose(mapped, corners, atol=1e-9)


def test_perspective_without_shift_changes_nothing():
    image = random_image()
    edited = geometry.perspective(image, rng(), shift=(0, 0))
    assert np.array_equal(pixels(edited), pixels(image))


def test_a_third_of_a_hue_turn_exchanges_the_channels():
    image = random_image()
    edited = pixels(color.change_hue(image, rng(), turn=(1 / 3, 1 / 3)))
    rolled = [np.roll(pixels(image), shift, axis=2) for shift in (1, 2)]
    assert min(np.abs(edited - other).max() for other in rolled) <= 1


def test_a_hue_turn_keeps_greys():
    image = Image.linear_gradient("L").convert("RGB")
    edited = color.change_hue(image, rng(), turn=(0.4, 0.4))
    assert np.abs(pixels(edited) - pixels(image)).max() <= 1


def test_black_and_white_survive_gamma_and_brightness_multiplies():
    image = Image.new("RGB", (4, 4), (100, 0, 255))
    brighter = color.change_brightness(image, rng(), factor=(1.5, 1.5))
    assert brighter.getpixel((0, 0)) == (150, 0, 255)
    darker = color.change_gamma(image, rng(), exponent=(2, 2))
    assert darker.getpixel((0, 0)) == (round(100 * 100 / 255), 0, 255)


def test_noise_has_the_asked_deviation_and_no_bias():
    image = Image.new("RGB", (200, 200), (128, 128, 128))
    noise = pixels(degradation.add_noise(image, rng(), strength=(0.1, 0.1))) - 128
    assert noise.mean() == pytest.approx(0, abs=0.3)
    assert noise.std() == pytest.approx(25.5, rel=0.02)


def test_large_pixels_are_flat_and_keep_the_mean():
    image = random_image(60, 40)
    edited = degradation.pixelize(image, rng(), cell=(0.25, 0.25))  # cells of 10
    cells = pixels(edited).reshape(4, 10, 6, 10, 3)
    assert (cells == cells[:, :1, :, :1]).all()
    original_means = pixels(image).reshape(4, 10, 6, 10, 3).mean(axis=(1, 3))
    assert np.abs(cells[:, 0, :, 0] - original_means).max() <= 1


def test_shuffled_pixels_are_the_same_pixels():
    image = random_image()
    edited = degradation.shuffle_pixels(image, rng(), share=(0.3, 0.3))
    before, after = (pixels(i).reshape(-1, 3) for i in (image, edited))
    assert (before != after).any(axis=1).mean() == pytest.approx(0.3, abs=0.05)
    assert np.array_equal(np.unique(before, axis=0), np.unique(after, axis=0))


def test_an_erased_box_has_one_color_and_the_asked_area():
    image = random_image(100, 100)
    edited = degradation.erase(image, rng(3), area=(0.2, 0.2), aspect_ratio=(1, 1))
    is_erased = (pixels(edited) != pixels(image)).any(axis=2)
    assert is_erased.mean() == pytest.approx(0.2, abs=0.02)
    assert len(np.unique(pixels(edited)[is_erased], axis=0)) == 1


def test_the_image_lies_whole_on_another_picture():
    image = Image.new("RGB", (60, 40), (255, 0, 0))
    material = Material([Image.new("RGB", (80, 30), (0, 0, 255))])
    for seed in range(5):
        edited = composition.overlay_onto_picture(
            image, rng(seed), material=material, size=(0.5, 0.5), opacity=(1, 1)
        )
        assert edited.width * edited.height == pytest.approx(2400, rel=0.05)
        assert edited.width / edited.height == pytest.approx(8 / 3, rel=0.05)
        is_red = (pixels(edited) == (255, 0, 0)).all(axis=2)
        expected = (0.5 * edited.height) ** 2 * 60 / 40
        assert is_red.sum() == pytest.approx(expected, rel=0.15)


def test_half_opacity_mixes_both_pictures():
    material = Material([Image.new("RGB", (9, 9), (0, 0, 255))])
    edited = composition.overlay_picture(
        Image.new("RGB", (40, 40), (255, 0, 0)),
        rng(),
        material=material,
        size=(1, 1),
        opacity=(0.5, 0.5),
    )
    assert np.abs(pixels(edited)[20, 20] - (127, 0, 128)).max() <= 1


def test_a_collage_shows_the_image_once():
    image = Image.new("RGB", (60, 60), (255, 0, 0))
    material = Material([Image.new("RGB", (9, 30), (0, 0, 255))])
    edited = composition.collage(
        image, rng(), material=material, num_cells=(4, 4), gap=(0, 0)
    )
    assert edited.size == (60, 60)
    is_red = (pixels(edited) == (255, 0, 0)).all(axis=2)
    assert is_red.sum() == 900


def test_padding_keeps_every_pixel():
    image = random_image()
    for edit, parameters in (
        (composition.pad, {"margin": (0.1, 0.3)}),
        (composition.letterbox, {"margin": (0.1, 0.3)}),
        (composition.meme, {"caption": (0.2, 0.4)}),
        (EDITS["screenshot"], {"size": (0.5, 0.7)}),
    ):
        for seed in range(4):
            edited = edit(image, rng(seed), **parameters)
            windows = np.lib.stride_tricks.sliding_window_view(
                pixels(edited), (*pixels(image).shape,)
            )
            assert (windows == pixels(image)).all(axis=(3, 4, 5)).any(), edit.__name__


def test_a_transparent_sticker_leaves_no_trace():
    image = random_image()
    material = Material([], [Image.new("RGBA", (20, 20), (255, 0, 0, 0))])
    edited = drawing.paste_stickers(
        image,
        rng(),
        material=material,
        num_stickers=(3, 3),
        size=(0.5, 0.5),
        opacity=(1, 1),
    )
    assert np.array_equal(pixels(edited), pixels(image))


def test_stripes_cover_the_asked_share():
    image = Image.new("RGB", (200, 200), GREY)
    edited = drawing.draw_stripes(
        image, rng(), num_stripes=(10, 10), thickness=(0.3, 0.3), opacity=(1, 1)
    )
    is_covered = (pixels(edited) != GREY).any(axis=2)
    assert is_covered.mean() == pytest.approx(0.3, abs=0.06)


@pytest.mark.parametrize("grey", [0, 60, 128, 200, 255])
def test_halftone_keeps_the_mean_brightness(grey):
    image = Image.new("RGB", (120, 120), (grey,) * 3)
    edited = effects.halftone(image, rng(), cell=(0.05, 0.05))
    assert set(np.unique(pixels(edited))) <= {0, 255}
    assert pixels(edited).mean() == pytest.approx(grey, abs=6)


def test_shuffled_tiles_are_the_same_pixels():
    image = random_image(60, 45)
    edited = effects.shuffle_tiles(image, rng(), num_tiles=(3, 3))
    before, after = (np.sort(pixels(i).reshape(-1)) for i in (image, edited))
    assert np.array_equal(before, after)


def test_few_colors_are_left():
    edited = effects.reduce_palette(random_image(), rng(), num_colors=(5, 5))
    assert len(np.unique(pixels(edited).reshape(-1, 3), axis=0)) <= 5
