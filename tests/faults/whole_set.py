"""Whether all is tried that a test can try, or the sample that fits into minutes."""

import os

IS_WHOLE_SET = os.environ.get("FAULT_EVERY") == "1"
