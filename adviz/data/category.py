"""`Category`: the training and test images of one kind of product or texture."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

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

    def __repr__(self) -> str:
        text = f"Category({self.name!r}, train={self.train!r}, test={self.test!r}"
        if self.validation is not None:
            text += f", validation={self.validation!r}"
        return f"{text})"
