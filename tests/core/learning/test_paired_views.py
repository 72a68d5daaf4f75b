"""Views of both sides are compared with the rows that the step asks for."""

import torch

from qk_iteration.core.images import views
from qk_iteration.core.images.views import ViewRequest, rows_of_step
from qk_iteration.core.learning.paired_views import draw_paired_views
from tests.core.learning.small_training import LEARNING, NUM_IMAGES, SIMCLR


def test_edited_views_come_first_then_the_key_views_of_the_same_rows(images):
    (rows, pixels), *others = draw_paired_views([3], images, SIMCLR, LEARNING)
    expected = rows_of_step(3, batch_size=4, num_images=NUM_IMAGES, seed=images.seed)
    assert not others
    assert rows.tolist() == expected.tolist()
    edited = [images[ViewRequest(row, "edited", 6)] for row in rows.tolist()]
    clean = [images[ViewRequest(row, "clean", 7)] for row in rows.tolist()]
    assert torch.equal(pixels, torch.stack(edited + clean))


def test_batches_are_made_as_they_are_needed(images, monkeypatch):
    asked = []

    def note_and_draw(step, **settings):
        asked.append(step)
        return rows_of_step(step, **settings)

    monkeypatch.setattr(views, "rows_of_step", note_and_draw)
    batches = draw_paired_views(range(1000), images, SIMCLR, LEARNING)
    next(batches)
    assert max(asked) < 10
