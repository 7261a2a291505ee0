"""What resizing and cropping do to the images of a folder, in pixels, and when to be told of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from adviz.data.checking.files import ImageInfo
from adviz.data.checking.report import Finding
from adviz.data.checking.rules import CheckedCategory
from adviz.data.geometry import Geometry

MAX_SQUEEZE = 1.49  # of one side against the other: 3:2, the format of many cameras, is a note
MAX_CROPPED = 0.2  # fraction of a side that a crop may leave out, both ends together
# Kinds of findings.
SQUEEZED = "squeezed images"
CROPPED = "cropped images"
THIN = "thin images"
Size = tuple[int, int]  # width, height
LETTERBOX = 'geometry=data.Geometry(256, crop=False, aspect="letterbox")'
# Pixels of a rectangle that is recommended, in multiples of a network's stride.
LONG_SIDE = 512
SHORT_SIDE = 256
STRIDE = 32
MAX_SIZES = 3  # that are described


def treatment(sizes: Counter[tuple[Size, Geometry]]) -> tuple[str, ...]:
    """Return sentences on what becomes of images of these sizes, the most frequent first."""
    lines = []
    for (size, geometry), count in sizes.most_common(MAX_SIZES):
        images = "1 image is" if count == 1 else f"{count} images are"
        if len(sizes) == 1:
            images = "the images are"
        lines.append(f"{images} {size[0]}x{size[1]}: {_described(size, geometry)}")
    if len(sizes) > MAX_SIZES:
        lines.append(f"and {len(sizes) - MAX_SIZES} more sizes")
    return tuple(lines)


def cropped_pixels(size: Size, geometry: Geometry) -> Size:
    """Return how many pixels a crop leaves out on the left and, as many, right; top and bottom."""
    rows, columns = geometry.window(size)
    return max(0, columns.start), max(0, rows.start)


def geometry_for(size: Size) -> str:
    """Return the geometry, as Python code, that neither crops nor squeezes images of a size."""
    ratio = max(size) / min(size)
    # A strip narrower than the stride becomes as wide as that, and longer than usual.
    long_side = min(_multiple_of_stride(SHORT_SIDE * ratio), max(LONG_SIDE, STRIDE * round(ratio)))
    short_side = max(STRIDE, _multiple_of_stride(long_side / ratio))
    is_wide = size[0] >= size[1]
    shape = (short_side, long_side) if is_wide else (long_side, short_side)
    return f"geometry=data.Geometry({shape}, crop=False)"


def remedy(findings: Iterable[Finding], sizes: Iterable[Size]) -> str:
    """Return the argument that keeps the images' shape where a finding asks for it, else ""."""
    if not any(finding.kind in (SQUEEZED, CROPPED, THIN) for finding in findings):
        return ""
    different_sizes = set(sizes)
    if len(different_sizes) > 1:
        return LETTERBOX
    return geometry_for(different_sizes.pop())


def check_shapes(category: CheckedCategory) -> Iterator[Finding]:
    """Yield notes on images that are squeezed, cropped by much, or padded to a thin strip."""
    geometry = category.geometry
    images = category.readable_images

    squeezed = [image for image in images if _squeeze(image.size, geometry) >= MAX_SQUEEZE]
    if squeezed:
        size = _most_common_size(squeezed)
        message = (
            f"{len(squeezed)} images lose their shape, most are {size[0]}x{size[1]}: "
            f"{_described(size, geometry)}; to keep it, pass {geometry_for(size)}, or, whatever "
            f"the shape, {LETTERBOX}"
        )
        yield category.note(SQUEEZED, message, squeezed)

    cropped = [image for image in images if _cropped_fraction(image.size, geometry) >= MAX_CROPPED]
    if cropped:
        size = _most_common_size(cropped)
        message = (
            f"of {len(cropped)} images much is not seen, most are {size[0]}x{size[1]}: "
            f"{_described(size, geometry)}; to see all, pass {geometry_for(size)}"
        )
        yield category.note(CROPPED, message, cropped)

    thin = [image for image in images if _is_thin(image.size, geometry)]
    if thin:
        size = _most_common_size(thin)
        message = (
            f"{len(thin)} images become thinner than the {STRIDE} pixels of a network's stride, as "
            f"they are padded, most are {size[0]}x{size[1]}: {_described(size, geometry)}; to see "
            f"more, pass {geometry_for(size)}"
        )
        yield category.note(THIN, message, thin)


def _described(size: Size, geometry: Geometry) -> str:
    """Return what becomes of an image of a size."""
    # Resize and squeeze, then what the crop leaves out.
    width, height = size
    scale_x, scale_y = geometry.scale(size)
    resized = f"{round(width * scale_x)}x{round(height * scale_y)}"
    words = "kept as they are" if resized == f"{width}x{height}" else f"resized to {resized}"
    squeeze = _squeeze(size, geometry)
    if squeeze > 1.01:
        words += f", squeezed {squeeze:.3g}:1"

    left, top = cropped_pixels(size, geometry)
    if not left and not top:
        return f"{words}, all of it is seen"
    horizontal = f"{left} pixels ({100 * left / width:.0f} %)"
    vertical = f"{top} pixels ({100 * top / height:.0f} %)"
    if (left, width) == (top, height):
        cropped = [f"{horizontal} on each side"]
    else:
        cropped = []
        if left:
            cropped.append(f"{horizontal} on the left and on the right")
        if top:
            cropped.append(f"{vertical} at the top and at the bottom")
    return f"{words}, and the centre is cut out: {' and '.join(cropped)} are not seen"


def _squeeze(size: Size, geometry: Geometry) -> float:
    """Return how many times more one side is shrunk than the other, >= 1."""
    scales = geometry.scale(size)
    return max(scales) / min(scales)


def _cropped_fraction(size: Size, geometry: Geometry) -> float:
    """Return the larger fraction of a side that the crop leaves out, both ends together."""
    left, top = cropped_pixels(size, geometry)
    return max(2 * left / size[0], 2 * top / size[1])


def _is_thin(size: Size, geometry: Geometry) -> bool:
    """Tell whether a letterbox shrinks a side below the network's stride, and below what it was."""
    if geometry.aspect != "letterbox":
        return False
    # The box that the image fills between the borders of the padding.
    top, left, bottom, right = geometry.box(size)
    return min(bottom - top, right - left) < min(STRIDE, *geometry.shape, *size)


def _multiple_of_stride(length: float) -> int:
    return STRIDE * round(length / STRIDE)


def _most_common_size(images: list[ImageInfo]) -> Size:
    return Counter(image.size for image in images).most_common(1)[0][0]
