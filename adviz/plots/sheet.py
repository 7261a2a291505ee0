"""Small multiples of the images of a category."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from adviz.plots import style
from adviz.plots.checks import check_image, check_length, takes_arrays


@takes_arrays
def contact_sheet(
    images: Sequence[np.ndarray], titles: Sequence[str] = (), columns: int = 6, *, title: str = ""
) -> style.StaticFigure:
    """Draw many images as small multiples, row by row.

    Parameters
    ----------
    images: N images (H, W, 3) uint8, N >= 1; sizes may differ.
    titles: N texts, printed below the images; empty for none.
    columns: images per row, >= 1.
    title: text over the figure.

    Returns
    -------
    StaticFigure; its panels are labelled "image 0" .. "image N-1".

    Raises
    ------
    ValueError: no image, shapes or dtypes that do not fit, as many titles as images not given,
        columns < 1.

    Examples
    --------
    >>> plots.contact_sheet([category.test.image(i) for i in range(3)], category.test.ids[:3])
    <StaticFigure size ... with 3 Axes>
    """
    if len(images) == 0 or columns < 1:
        raise ValueError(
            "contact_sheet needs images and columns >= 1, "
            f"got {len(images)} images, columns={columns}"
        )
    for index, image in enumerate(images):
        check_image(image, f"image {index}")
    if titles:
        check_length(titles, len(images), "titles", "images")
    columns = min(columns, len(images))
    rows = -(-len(images) // columns)
    # Captions are broken to the width of a panel, which is known before its height
    panel_width = style.Page(rows, columns, 1, []).panel[0]
    texts = [style.wrapped(text, panel_width, style.SMALL_SIZE) for text in titles]
    page = style.captioned_page(columns, images, texts, title)
    figure = page.figure(title)
    for index, image in enumerate(images):
        row, column = divmod(index, columns)
        axes = page.axes(figure, row, column, f"image {index}")
        style.show_image(axes, image)
        if texts:
            style.caption(axes, texts[index])
    return figure
