"""``qk-find``: find the copies in a folder of pictures, without Kedro or MLflow."""

import argparse
import logging
import os
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import FrameType

from qk_iteration.core.standard_output import print_result
from qk_iteration.core.stopping import (
    StoppedError,
    request_stop,
    stop_requested,
    withdraw_stop,
)
from qk_iteration.core.user_error import WANTS_TRACEBACK, UserError

DESCRIPTION = """\
Find the copies in a folder of pictures: of each other, or of the pictures of a second
folder. Copies are found although they were cropped, resized, recolored, written on.

Into the output folder go:
  matches.csv    query, match, score, precision expected at that score, group
  groups.csv     groups of copies, the best picture of each first
  left_out.csv   files that are no usable pictures, and why
  evidence.html  the pairs side by side, with a slider for the threshold
  descriptors/   what is kept, so that the next search describes only what is new

No picture is changed, moved or deleted.
"""
EPILOG = """\
exit status: 0 done, whatever was found; 2 after a sentence on what was wrong;
130, 143 or 129 stopped by Ctrl-C, a signal or a closed terminal: the same command
goes on. With QK_TRACEBACK=1 an error comes with its traceback.
"""
STOPPED = 128


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        arguments: What was typed after the name; None for this process's own.

    Returns:
        The exit status.
    """
    options = vars(_parser().parse_args(arguments))
    logging.basicConfig(format="qk-find: %(message)s", level=logging.INFO)
    earlier = {
        number: signal.signal(number, _ask_to_stop)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        if signal.getsignal(number) is not signal.SIG_IGN  # As under nohup.
    }
    try:
        # torch takes seconds; --help and a wrong option need none of them.
        from qk_iteration.collection.choose_index import SEARCH
        from qk_iteration.collection.find import find_copies
        from qk_iteration.collection.summary import summarize

        index = options.pop("index")
        search = SEARCH.model_copy(update={"index": index})
        found = find_copies(**options, search=search)
        print_result(summarize(found))
    except StoppedError as stop:
        _say(f"qk-find: {stop} The same command goes on.\n")
        return STOPPED + stop.signal_number
    except (UserError, OSError) as error:
        stopped_by = stop_requested()
        if stopped_by is not None:  # Such as what a closed terminal does not take.
            return STOPPED + stopped_by
        if os.environ.get(WANTS_TRACEBACK):
            raise
        _say(f"qk-find: error: {error}\n")
        return 2
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)
        withdraw_stop()
    return 0


def _ask_to_stop(number: int, frame: FrameType | None) -> None:
    """Ask once; end at once when asked again."""
    del frame
    if stop_requested() is not None:
        raise SystemExit(STOPPED + number)
    request_stop(number)
    _say("\nqk-find: stopping after the pictures at hand …\n")


def _say(text: str) -> None:
    with suppress(OSError):  # Of a terminal that is closed.
        sys.stderr.write(text)
        sys.stderr.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="qk-find",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "collection", metavar="COLLECTION", help="folder, sub-folders included"
    )
    parser.add_argument(
        "queries",
        metavar="QUERIES",
        nargs="?",
        help="second folder, or one picture, of which copies are sought in COLLECTION",
    )
    parser.add_argument("--output", required=True, metavar="FOLDER", help="see above")
    _add_promise(parser.add_argument_group("what is found"))
    _add_work(parser.add_argument_group("how it is done"))
    return parser


def _add_promise(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--precision",
        type=float,
        default=0.95,
        metavar="P",
        help="promised share of right pairs, between 0 and 1 (default: 0.95)",
    )
    group.add_argument(
        "--model",
        metavar="PATH",
        help="folder of ours, TorchScript or .onnx file (default: data/06_models/qk, "
        "the pair that make demo left). Loading TorchScript runs code of its maker",
    )
    group.add_argument(
        "--calibration",
        metavar="FILE",
        help="which score keeps a promise (default: own_calibration.json, else "
        "calibration.json beside the model)",
    )
    group.add_argument(
        "--min-side",
        type=_at_least(1),
        default=8,
        metavar="PIXELS",
        help="pictures with a shorter side are left out (default: 8)",
    )
    group.add_argument(
        "--max-pixels",
        type=_at_least(1),
        default=100_000_000,
        metavar="N",
        help="larger pictures are left out, undecoded (default: 100,000,000)",
    )


def _at_least(least: int) -> Callable[[str], int]:
    """A whole number of that size or more, from what was typed."""

    def number(text: str) -> int:
        if int(text) < least:
            raise argparse.ArgumentTypeError(f"must be at least {least}; got {text}")
        return int(text)

    return number


def _add_work(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--cache",
        type=Path,
        metavar="FOLDER",
        help="where descriptors are kept (default: descriptors/ in the output)",
    )
    group.add_argument(
        "--index",
        choices=("exact", "flat", "hnsw", "ivf"),
        default="exact",
        help="exact (default) compares everything; the others are FAISS's, of which "
        "hnsw and ivf miss some pairs",
    )
    group.add_argument(
        "--exact-up-to",
        type=_at_least(1),
        default=200_000,
        metavar="N",
        help="in collections of more pictures ivf stands for exact (default: 200,000)",
    )
    group.add_argument(
        "--device", default="auto", help="auto (default), cpu, cuda or such as cuda:1"
    )
    group.add_argument(
        "--batch-size",
        type=_at_least(1),
        default=64,
        metavar="N",
        help="pictures described at a time (default: 64)",
    )
    group.add_argument(
        "--num-workers",
        type=_at_least(0),
        metavar="N",
        help="processes that decode; 0 for none (default: as many as cores)",
    )


if __name__ == "__main__":
    sys.exit(main())
