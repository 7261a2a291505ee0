"""`Category`: the training and test images of one kind of product or texture."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from adviz._support import got, parse_json
from adviz.data.geometry import Geometry
from adviz.data.split import Split


@dataclass(frozen=True, eq=False)
class Category:
    """One kind of product or texture: normal images for training, and test images.

    Some data sets set normal images apart for choosing thresholds: `validation`, None where there
    are none. No detector learns from them. How many bits files of more than 8 use is told from the
    training images alone.

    Examples
    --------
    >>> category.name, len(category.train), len(category.test)
    ('hex_nut', 64, 46)
    """

    name: str
    train: Split
    test: Split
    validation: Split | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "test", self.test._with_depth_of(self.train))
        if self.validation is not None:
            object.__setattr__(self, "validation", self.validation._with_depth_of(self.train))

    def with_geometry(self, geometry: Geometry) -> Category:
        """Return the same category, resized and cropped in another way.

        Examples
        --------
        >>> category.with_geometry(data.Geometry(320)).test.image_size
        (320, 320)
        """
        validation = self.validation
        if validation is not None:
            validation = validation.with_geometry(geometry)
        return dataclasses.replace(
            self,
            train=self.train.with_geometry(geometry),
            test=self.test.with_geometry(geometry),
            validation=validation,
        )

    def without(self, images: Mapping[str, str] | Iterable[str] | str | Path) -> Category:
        """Return the category without some training images, such as "good" ones that are not.

        Nothing is deleted: files stay where they are, and the test images are the same.

        Parameters
        ----------
        images: names as in ``train.ids``, or names -> why, or a JSON file that holds such names and
            reasons: ``{"train/good/003.png": "a hair on the lens"}``.

        Raises
        ------
        ValueError: a name that no training image has, no image left, or a file that holds something
            else.
        OSError: the file cannot be read.

        Examples
        --------
        >>> category.without([category.train.ids[3], category.train.ids[8]]).train
        Split(62 images of 224x224: 62 good)
        """
        known = set(self.train.ids)
        if isinstance(images, str) and images in known:
            raise ValueError(f"expected names in a list, or a JSON file, got the name {images!r}")
        names = set(read_reasons(images) if isinstance(images, str | Path) else images)
        unknown = sorted(names - known)
        if unknown:
            raise ValueError(
                f"expected names of training images, such as {self.train.ids[0]!r}, "
                f"{got(unknown[0], known)}"
            )
        kept = [index for index, name in enumerate(self.train.ids) if name not in names]
        if not kept:
            raise ValueError(f"expected to keep a training image, got all {len(known)} left out")
        return dataclasses.replace(self, train=self.train.subset(kept))

    def __repr__(self) -> str:
        text = f"Category({self.name!r}, train={self.train!r}, test={self.test!r}"
        if self.validation is not None:
            text += f", validation={self.validation!r}"
        return f"{text})"


def read_reasons(path: str | Path) -> dict[str, str]:
    """Return what a JSON file holds: names of images -> why they are left out.

    Raises
    ------
    ValueError: it holds something else.
    OSError: it cannot be read.
    """
    file = Path(path).expanduser()
    try:
        content = parse_json(file.read_bytes())
    except ValueError as error:
        raise ValueError(f"expected names and reasons as JSON in {file}, but {error}") from error
    wrong = [name for name, reason in content.items() if not isinstance(reason, str)]
    if wrong:
        raise ValueError(
            f"expected a reason as text for each image in {file}, got {content[wrong[0]]!r} for "
            f"{wrong[0]!r}"
        )
    return content
