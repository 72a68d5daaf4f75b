"""Which score keeps a promise of precision, in a search of any size.

How many of the pairs found are wrong depends on how many pairs were compared, and on
how many copies there are: the same score that is right nine times of ten among a
hundred pictures is wrong nine times of ten among ten thousand. So the calibration does
not keep a precision, but two things that carry over: how many true matches score how
high, and how seldom a pair of two different pictures does. In a search that compares M
pairs and finds m of them at a score or above, as many as M times that rate will be
wrong, and the precision is

    1 - M * rate(score) / m

Two unedited look-alikes are nearer to each other than an edited picture is to a
stranger, and in a person's folder nearly all pairs are of unedited pictures. The rate
is measured for both kinds of wrong pairs, and the higher of the two is believed.

Above the highest wrong pairs ever seen the rate goes on falling as the exponential that
fits the highest of them best.

Shapes:
    T: true matches.
    W: the wrong pairs kept of a kind, those of the highest scores.
    m: pairs found in a search.

References:
    Storey, 2002, "A direct approach to false discovery rates" (the estimate, and the
    precision of an item as the best of all thresholds that include it).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qk_iteration.core.describing.preprocessing import IMAGENET, Normalized
from qk_iteration.core.formats.format_error import FormatError

WRONG_SCORES_KEPT = 2000
_TAIL = 60
"""Of the wrong pairs of the highest scores, those that the tail is fitted to."""


@dataclass(frozen=True, kw_only=True)
class Threshold:
    """Where a promise of precision is kept.

    Attributes:
        score: Pairs of this score and above are taken.
        precision: Expected of them.
        recall: Share of the calibration's true matches that score as high.
        num_pairs: Pairs taken.
    """

    score: float
    precision: float
    recall: float
    num_pairs: int


@dataclass(frozen=True, kw_only=True, eq=False)
class MatchCalibration:
    """How true matches and wrong pairs score, measured where they are known.

    Attributes:
        right_scores: Of all true matches, highest first. Shape (T,).
        wrong_scores: The highest of wrong pairs of an edited picture and an unedited
            one, highest first. Shape (W,).
        num_wrong_pairs: Such pairs compared, those kept and all others.
        clean_scores: The highest of pairs of two different unedited pictures, highest
            first. Shape (W,).
        num_clean_pairs: Such pairs compared.
        background: The sample of pictures that scores were normalized by, which small
            collections borrow; none where there were too few. Shape (S, D).
        source: What it was made with, for a person.
        fingerprint: Of the describers of both sides.
        preprocessing: How a model of another system was told to take pictures.
        output: Which of several outputs of a model held the descriptors.

    Raises:
        FormatError: If the numbers are not such a calibration.
    """

    right_scores: NDArray[np.float64]
    wrong_scores: NDArray[np.float64]
    num_wrong_pairs: int
    clean_scores: NDArray[np.float64]
    num_clean_pairs: int
    background: NDArray[np.float32]
    source: str
    fingerprint: str
    preprocessing: Normalized = IMAGENET
    output: str | None = None

    def __post_init__(self) -> None:
        for scores in (self.right_scores, self.wrong_scores, self.clean_scores):
            is_falling = scores.ndim == 1 and bool((np.diff(scores) <= 0).all())
            if len(scores) == 0 or not is_falling or not np.isfinite(scores).all():
                raise FormatError(
                    "A calibration must hold scores of right and of wrong pairs, "
                    "highest first. Make it again."
                )
        for name, number, kept in (
            ("num_wrong_pairs", self.num_wrong_pairs, len(self.wrong_scores)),
            ("num_clean_pairs", self.num_clean_pairs, len(self.clean_scores)),
        ):
            if number < kept:
                raise FormatError(
                    f"{name} must be at least the {kept} kept; got {number}."
                )

    def recall_at(self, score: float) -> float:
        """Share of the true matches that score as high."""
        return float((self.right_scores >= score).mean())

    def wrong_rate(self, scores: NDArray[np.floating]) -> NDArray[np.float64]:
        """How often a pair of different pictures reaches each score; the same shape."""
        asked = np.asarray(scores, np.float64)
        rates: NDArray[np.float64] = np.maximum(
            _rate(asked, self.wrong_scores, self.num_wrong_pairs),
            _rate(asked, self.clean_scores, self.num_clean_pairs),
        )
        return rates

    def precision_of(
        self, scores: NDArray[np.floating], *, num_compared: int
    ) -> NDArray[np.float64]:
        """Expected precision of each pair found and all above it.

        A pair is as good as the best threshold that includes it and not more than twice
        as many pairs: far below, what little is wrong with the rates is much.

        Args:
            scores: Of the pairs found, highest first. Shape (m,).
            num_compared: Pairs of two pictures that were compared.

        Returns:
            Shape (m,), in [0, 1], not rising.
        """
        num_found = np.arange(1, len(scores) + 1)
        wrong = self.wrong_rate(scores) * num_compared
        return _best_in_reach(np.maximum(0.0, 1.0 - wrong / num_found))

    def threshold_for(
        self, precision: float, scores: NDArray[np.floating], *, num_compared: int
    ) -> Threshold | None:
        """The lowest score that keeps the promise; None where none does.

        Args:
            precision: Promised at least.
            scores: As ``precision_of``.
            num_compared: As ``precision_of``.
        """
        expected = self.precision_of(scores, num_compared=num_compared)
        kept = int((expected >= precision).sum())
        if kept == 0:
            return None
        score = float(scores[kept - 1])
        return Threshold(
            score=score,
            precision=float(expected[kept - 1]),
            recall=self.recall_at(score),
            num_pairs=kept,
        )


def _best_in_reach(precision: NDArray[np.float64]) -> NDArray[np.float64]:
    """For each number of pairs the best up to twice as many; not rising.

    Args:
        precision: Of the first, the first two, … pairs. Shape (m,).
    """
    best = precision.copy()
    start = 0
    while start < len(precision):  # From a number of pairs up to twice that number.
        here = slice(start, 2 * start + 1)
        after = np.maximum.accumulate(precision[here.stop : 2 * here.stop + 1])
        suffix = np.maximum.accumulate(precision[here][::-1])[::-1]
        ends = 2 * np.arange(here.start, here.start + len(suffix)) + 1 - here.stop
        best[here] = suffix
        if len(after):
            reached = after[np.minimum(ends, len(after) - 1)]
            best[here] = np.maximum(suffix, reached)
        start = here.stop
    top = int(best.argmax()) if len(best) else 0
    best[:top] = best[top : top + 1]
    return np.minimum.accumulate(best)


def _rate(
    asked: NDArray[np.float64], highest: NDArray[np.float64], num_pairs: int
) -> NDArray[np.float64]:
    """How often pairs of one kind reach each score; the same shape.

    Args:
        asked: Any scores.
        highest: Scores of the pairs, highest first. Shape (W,).
        num_pairs: So many were compared.
    """
    counts = np.searchsorted(-highest, -asked, side="right")
    tail = min(_TAIL, len(highest) - 1)
    start = highest[tail]
    spread = (highest[:tail] - start).mean() if tail else 0.0
    above = np.maximum(asked - start, 0.0)
    beyond = np.exp(-above / max(spread, 1e-9)) * max(tail, 1)
    rates = np.maximum(np.where(asked > start, beyond, 0), counts) / num_pairs
    # Below the scores that were kept nothing is known but that it is no less.
    rates[asked < highest[-1]] = 1.0
    return rates


def calibrate_matches(
    scores: NDArray[np.floating],
    is_true: NDArray[np.bool_],
    clean_scores: NDArray[np.floating],
    *,
    background: NDArray[np.float32],
    source: str,
    fingerprint: str,
    preprocessing: Normalized = IMAGENET,
    output: str | None = None,
) -> MatchCalibration:
    """The calibration of judged queries.

    Args:
        scores: Of every query with every reference. Shape (Q, R).
        is_true: Which of these pairs are true matches. Shape (Q, R).
        clean_scores: Of pairs of two different references. Any shape.
        background: As the attribute.
        source: As the attribute.
        fingerprint: As the attribute.
        preprocessing: As the attribute.
        output: As the attribute.

    Raises:
        FormatError: If there are no true matches, or no others.
    """
    wrong, clean = (
        np.sort(kind.astype(np.float64), axis=None)[::-1]
        for kind in (scores[~is_true], clean_scores)
    )
    return MatchCalibration(
        right_scores=np.sort(scores[is_true].astype(np.float64))[::-1],
        wrong_scores=wrong[:WRONG_SCORES_KEPT],
        num_wrong_pairs=len(wrong),
        clean_scores=clean[:WRONG_SCORES_KEPT],
        num_clean_pairs=len(clean),
        background=background,
        source=source,
        fingerprint=fingerprint,
        preprocessing=preprocessing,
        output=output,
    )
