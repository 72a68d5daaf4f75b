"""What a phase is given is compared with the models and rows that it stands for."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from qk_iteration.core.bank.frozen_rows import FrozenRows
from qk_iteration.core.images.views import (
    TrainingImages,
    ViewRequest,
    rows_of_step,
)
from qk_iteration.core.learning import embed_views
from qk_iteration.core.learning import phase as phase_module
from qk_iteration.core.learning.phase import (
    draw_views_of_phase,
    fill_frozen_rows,
    loss_against,
)
from qk_iteration.core.learning.plan import plan_phases
from qk_iteration.core.learning.side import Side
from qk_iteration.core.models.descriptor_model import DescriptorModel
from tests.core.learning.small_training import (
    LEARNING,
    MODEL,
    NUM_IMAGES,
    QK,
    WHOLE_MODEL_QK,
    InterruptionError,
    changed,
    make_training,
)


@pytest.fixture
def session(images, tmp_path):
    training = make_training(images, tmp_path)
    towers = {side: training.new_tower(side, QK) for side in Side}
    with training.session(towers, QK) as session:
        yield session


PHASES = plan_phases(QK, LEARNING, num_images=NUM_IMAGES)


@pytest.mark.parametrize("config", [QK, WHOLE_MODEL_QK], ids=["backbone", "model"])
def test_rows_are_what_the_frozen_side_makes_of_each_image(images, session, config):
    bank = fill_frozen_rows(PHASES[0], session, images, config)
    model = DescriptorModel(MODEL).eval()
    pixels = [images[ViewRequest(row, "clean", 1)] for row in range(NUM_IMAGES)]
    with torch.no_grad():
        features = model.features(torch.stack(pixels))
        expected = features if config is QK else model.embed(features)
    torch.testing.assert_close(bank.rows, expected)
    assert (bank.head is None) == (config is WHOLE_MODEL_QK)


def test_the_first_bank_does_not_change_with_the_file_it_came_from(images, session):
    initial_bank = torch.ones(NUM_IMAGES, DescriptorModel(MODEL).head.in_features)
    config = changed(QK, bank_dtype="bfloat16")
    bank = fill_frozen_rows(PHASES[0], session, images, config, initial_bank)
    initial_bank.zero_()
    assert (bank.rows == 1).all()
    assert bank.rows.dtype == torch.bfloat16
    later = fill_frozen_rows(PHASES[2], session, images, config, initial_bank)
    assert (later.rows != 1).any(), "only the first phase starts from it"


def test_views_of_a_bank_are_asked_for_as_they_are_drawn(images, session, monkeypatch):
    """A million requests at once would take a hundred megabytes on each rank."""
    events = []

    def note_and_ask(*arguments, **settings):
        events.append("asked")
        return ViewRequest(*arguments, **settings)

    def note_and_draw(self, request):
        events.append("drawn")
        return draw(self, request)

    draw = TrainingImages.__getitem__
    monkeypatch.setattr(phase_module, "ViewRequest", note_and_ask)
    monkeypatch.setattr(TrainingImages, "__getitem__", note_and_draw)
    monkeypatch.setattr(embed_views, "NO_GRADIENT_FACTOR", 1)
    fill_frozen_rows(PHASES[0], session, images, QK)
    assert events == 3 * (4 * ["asked"] + 4 * ["drawn"])


def test_only_the_steps_that_are_left_are_drawn(images, session):
    session.step = 1
    phase = PHASES[0]
    assert len(list(draw_views_of_phase(phase, session, images, QK))) == 2
    session.step = phase.end_step
    assert list(draw_views_of_phase(phase, session, images, QK)) == []


def unit_rows(num_rows, seed):
    generator = torch.Generator().manual_seed(seed)
    return F.normalize(torch.randn(num_rows, 8, generator=generator), dim=1)


@pytest.mark.parametrize("negative_rows", ["all", "batch", 3])
def test_fewer_rows_are_the_same_loss_over_those_rows(negative_rows):
    """Row numbers change with the rows that are kept; the positives must follow."""
    keys, embeddings = unit_rows(20, seed=0), unit_rows(4, seed=1)
    rows, groups = torch.tensor([17, 2, 9, 3]), torch.arange(20) // 2  # 2 and 3: one.
    bank = FrozenRows(
        rows=keys, head=None, groups=groups, count_same_group=False, chunk_size=5
    )
    config = changed(QK, negative_rows=negative_rows, loss=loss_of(repulsion=0.0))
    loss, accuracy = loss_against(bank, embeddings, rows, config, (0, 5))

    drawn = {"all": range(20), "batch": []}.get(negative_rows)
    if drawn is None:
        drawn = np.random.default_rng((0, 5, 2**32 - 1)).permutation(20)[:3].tolist()
    kept = sorted({*rows.tolist(), *drawn})
    terms, hits = [], []
    for embedding, row in zip(embeddings, rows.tolist(), strict=True):
        compared = [k for k in kept if k == row or groups[k] != groups[row]]
        logits = keys[compared] @ embedding / config.loss.temperature
        terms.append(logits.logsumexp(0) - logits[compared.index(row)])
        hits.append(compared[int(logits.argmax())] == row)
    torch.testing.assert_close(loss, torch.stack(terms).mean())
    assert accuracy.item() == pytest.approx(sum(hits) / 4)


def test_drawn_rows_are_not_the_order_of_an_epoch():
    epoch = rows_of_step(5 * 3, batch_size=6, num_images=20, seed=0)  # The fifth one.
    drawn = []

    class Bank:
        num_rows = 20

        def restricted_to(self, kept):
            drawn.extend(kept.tolist())
            raise InterruptionError

    rows = torch.tensor([epoch[0]])
    with pytest.raises(InterruptionError):
        loss_against(Bank(), None, rows, changed(QK, negative_rows=6), (0, 5))
    assert set(drawn) != set(epoch.tolist())


def loss_of(**changes):
    return QK.loss.model_dump() | changes


def test_drawn_rows_change_from_step_to_step():
    keys, embeddings, rows = (
        unit_rows(50, seed=0),
        unit_rows(2, seed=1),
        torch.arange(2),
    )
    bank = FrozenRows(
        rows=keys,
        head=None,
        groups=torch.arange(50),
        count_same_group=False,
        chunk_size=5,
    )
    config = changed(QK, negative_rows=3)
    losses = {
        loss_against(bank, embeddings, rows, config, (0, step)).loss.item()
        for step in (0, 1, 1)
    }
    assert len(losses) == 2
