"""Names that go away: a warning with the new name and the version without the old one."""

from __future__ import annotations

import typing_extensions


def deprecated(old: str, new: str, *, removal: str) -> typing_extensions.deprecated:
    """Return a decorator of what can still be had under an old name, a function or a class.

    Its use raises a DeprecationWarning, which notebooks show, at the line that uses it.

    Parameters
    ----------
    old, new: as a person writes them.
    removal: the version without the old name.

    Examples
    --------
    >>> import warnings
    >>> from adviz._support import deprecated
    >>> @deprecated("adviz.twice", "adviz.double", removal="0.3")
    ... def twice(number):
    ...     return 2 * number
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     twice(2)
    4
    >>> print(caught[0].message)
    adviz.twice is now adviz.double: the old name goes away in version 0.3
    """
    return typing_extensions.deprecated(
        f"{old} is now {new}: the old name goes away in version {removal}"
    )
