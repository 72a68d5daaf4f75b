"""timm's networks by name, found without importing it: that takes many seconds."""

import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path

_REGISTERED = re.compile(r"^@register_model\s*\ndef (\w+)\(", re.MULTILINE)


@cache
def timm_names() -> frozenset[str]:
    """Every name that ``timm.create_model`` takes, read from files that register some.

    They are timm's own, and those beside this one: networks of one's own.
    """
    spec = find_spec("timm")
    assert spec is not None, "timm is a dependency"
    timms = [Path(place) / "models" for place in spec.submodule_search_locations or ()]
    names: set[str] = set()
    for folder in [*timms, Path(__file__).parent]:
        for path in folder.rglob("*.py"):
            names.update(_REGISTERED.findall(path.read_text(encoding="utf-8")))
    return frozenset(names)
