"""How packages that not everybody needs are installed.

No registry has this project, so that no name of its can be installed from one.
"""


def how_to_install(extra: str) -> str:
    """The cure in a sentence, for an extra of pyproject.toml."""
    return (
        f"In the project's folder, make setup installs it, and so does pip install -e "
        f"'.[{extra}]'."
    )
