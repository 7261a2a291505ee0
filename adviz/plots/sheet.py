"""Small multiples: what is in a category."""

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
            f"contact_sheet needs images and columns >= 1, got {len(images)} images, columns={columns}"
        )
    for index, image in enumerate(images):
        check_image(image, f"image {index}")
    if titles:
        check_length(titles, len(images), "titles", "images")
    columns = min(columns, len(images))
    rows = -(-len(images) // columns)
    draft = style.Page(rows, columns, 1, [])  # how wide things are does not depend on the texts
    texts = [
        "\n".join(style.lines_of(text, draft.panel[0], style.SMALL_SIZE)) for text in titles
    ] or [""] * len(images)
    below = style.text_room(texts)
    aspect = max(image.shape[0] / image.shape[1] for image in images)
    page = style.Page(
        rows,
        columns,
        aspect,
        [style.title_room(title, draft.size[0]), *[below] * (rows - 1)],
        bottom=below,
    )
    figure = page.figure(title)
    for index, image in enumerate(images):
        axes = page.axes(figure, *divmod(index, columns), f"image {index}")
        style.show_image(axes, image)
        axes.set_xlabel(
            texts[index], fontsize=style.SMALL_SIZE, color=style.INK, labelpad=4, parse_math=False
        )
    return figure
