"""What a bar shows is compared with what has been done."""

from rich.console import Console

from qk_iteration.core import progress_bar as module
from qk_iteration.core.progress_bar import TrainingProgress, progress_bar


def text_of(progress):
    console = Console(width=160, file=None, record=True, force_terminal=False)
    console.begin_capture()
    console.print(progress.get_renderable())
    return console.end_capture()


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def test_a_bar_shows_count_and_rate_in_its_unit(monkeypatch):
    clock = Clock()
    progress = progress_bar("edits", units_per_item=10)
    progress.get_time = clock
    task = progress.add_task("drawing", total=8)
    for _ in range(4):
        clock.now += 0.5
        progress.advance(task)
    text = text_of(progress)
    assert "drawing" in text
    assert "4/8" in text
    assert "20 edits/s" in text
    assert "0:00:02 left 0:00:02" in text


def test_what_is_done_in_one_go_has_a_rate_too():
    clock = Clock()
    progress = progress_bar()
    progress.get_time = clock
    task = progress.add_task("describing", total=6)
    clock.now += 2
    progress.advance(task, 6)
    assert "3 images/s" in text_of(progress)


def test_a_training_shows_phase_and_loss_and_counts_earlier_steps(monkeypatch):
    clock = Clock()

    def bar_of_known_time(**settings):
        progress = progress_bar(**settings)
        progress.get_time = clock
        return progress

    monkeypatch.setattr(module, "progress_bar", bar_of_known_time)
    training = TrainingProgress(100, done=90, images_per_step=64)
    training.show("Q-phase 1 of 2")
    for _ in range(3):
        clock.now += 2
        training.advance()
    training.show_loss(1.2345)
    training.show_loss(1.5)
    text = text_of(training._progress)
    assert "Q-phase 1 of 2  loss 1.500" in text
    assert "93/100" in text
    assert "32 images/s" in text
