"""What resizing and cropping do to the images of a folder, in pixels, and when somebody should know."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from adviz.data.checking.files import ImageFacts
from adviz.data.checking.report import Finding
from adviz.data.checking.rules import Seen
from adviz.data.geometry import Geometry

SQUEEZED = 1.49  # one side against the other: from 3:2 on, the format of many cameras
# Of a side's length that a crop may leave out on both ends together before it is a note
HIDDEN = 0.2
SQUEEZE, CUT, THIN = "squeezed images", "cropped images", "thin images"  # kinds of findings
Size = tuple[int, int]  # width, height
RECTANGLE = "geometry=data.Geometry({}, crop=False)"
LETTERBOX = 'geometry=data.Geometry(256, crop=False, aspect="letterbox")'
# Pixels of a rectangle that is recommended; a network of stride 32 sees them whole
LONG_SIDE, SHORT_SIDE = 512, 256
STRIDE = 32


def treatment(found: Counter[tuple[Size, Geometry]]) -> tuple[str, ...]:
    """Return sentences on what becomes of images of these sizes by these geometries, the most frequent first."""
    lines = []
    for (size, geometry), count in found.most_common(3):
        images = "the images are" if len(found) == 1 else f"{count} images are"
        lines.append(f"{images} {size[0]}x{size[1]}: {_treated(size, geometry)}")
    if len(found) > 3:
        lines.append(f"and {len(found) - 3} more sizes")
    return tuple(lines)


def _treated(size: Size, geometry: Geometry) -> str:
    width, height = size
    across, down = geometry.scale(size)
    resized = f"{round(width * across)}x{round(height * down)}"
    squeeze = _squeeze(size, geometry)
    words = "kept as they are" if resized == f"{width}x{height}" else f"resized to {resized}"
    if squeeze > 1.01:
        words += f", squeezed {squeeze:.3g}:1"
    left, top = hidden(size, geometry)
    if not left and not top:
        return f"{words}, all of it is seen"
    cut = []
    if left:
        cut.append(f"{left} pixels ({100 * left / width:.0f} %) on the left and on the right")
    if top:
        cut.append(f"{top} pixels ({100 * top / height:.0f} %) at the top and at the bottom")
    if (left, width) == (top, height):
        cut = [f"{left} pixels ({100 * left / width:.0f} %) on each side"]
    return f"{words}, and the centre is cut out: {' and '.join(cut)} are not seen"


def hidden(size: Size, geometry: Geometry) -> Size:
    """Return how many pixels of an image lie outside the crop on the left (and right), and on the top (and bottom)."""
    rows, columns = geometry.window(size)
    return max(0, columns.start), max(0, rows.start)


def _squeeze(size: Size, geometry: Geometry) -> float:
    """Return how many times more one side is shrunk than the other, >= 1."""
    across, down = geometry.scale(size)
    return max(across, down) / min(across, down)


def remedy(size: Size) -> str:
    """Return the geometry, as it is written in Python, that keeps an image of this size whole and in shape."""
    ratio = max(size) / min(size)
    longest = max(LONG_SIDE, STRIDE * round(ratio))  # of the narrowest strip there is
    long = min(longest, STRIDE * round(SHORT_SIDE * ratio / STRIDE))
    short = max(STRIDE, STRIDE * round(long / ratio / STRIDE))
    shape = (short, long) if size[0] >= size[1] else (long, short)
    return RECTANGLE.format(shape)


def remedy_of(findings: Iterable[Finding], found: Iterable[Size]) -> str:
    """Return the argument that keeps images whole and in shape where a finding asks for it, "" elsewhere."""
    if not any(finding.kind in (SQUEEZE, CUT, THIN) for finding in findings):
        return ""
    kinds = set(found)
    return remedy(kinds.pop()) if len(kinds) == 1 else LETTERBOX


def shaped(seen: Seen) -> Iterator[Finding]:
    """Yield notes on images that are squeezed, of which the crop hides much, or that padding leaves little room."""
    readable = [seen.images[entry.path] for entry in seen.readable]
    squeezed = [facts for facts in readable if _squeeze(facts.size, seen.geometry) >= SQUEEZED]
    if squeezed:
        size = _usual_size(squeezed)
        shape = f"{size[0]}x{size[1]}"
        message = (
            f"{len(squeezed)} images lose their shape, most are {shape}: {_treated(size, seen.geometry)}; to keep it, "
            f"pass {remedy(size)}, or, whatever the shape, {LETTERBOX}"
        )
        yield seen.finding(SQUEEZE, message, [facts.path for facts in squeezed], serious=False)
    cut = [facts for facts in readable if _share(facts.size, seen.geometry) >= HIDDEN]
    if cut:
        size = _usual_size(cut)
        message = (
            f"of {len(cut)} images much is not seen, most are {size[0]}x{size[1]}: {_treated(size, seen.geometry)}; "
            f"to see all, pass {remedy(size)}"
        )
        yield seen.finding(CUT, message, [facts.path for facts in cut], serious=False)
    thin = [facts for facts in readable if _is_thin(facts.size, seen.geometry)]
    if thin:
        size = _usual_size(thin)
        message = (
            f"{len(thin)} images become thinner than the {STRIDE} pixels of a network's cell, as they are padded, most "
            f"are {size[0]}x{size[1]}: {_treated(size, seen.geometry)}; to see more, pass {remedy(size)}"
        )
        yield seen.finding(THIN, message, [facts.path for facts in thin], serious=False)


def _is_thin(size: Size, geometry: Geometry) -> bool:
    """Tell whether padding leaves an image less than a cell of the network, and less than it had."""
    if geometry.aspect != "letterbox":
        return False
    top, left, bottom, right = geometry.box(size)
    return min(bottom - top, right - left) < min(STRIDE, *geometry.shape, *size)


def _share(size: Size, geometry: Geometry) -> float:
    """Return the larger share of a side that the crop leaves out, on both ends together."""
    left, top = hidden(size, geometry)
    return max(2 * left / size[0], 2 * top / size[1])


def _usual_size(images: list[ImageFacts]) -> tuple[int, int]:
    """Return the (width, height) that most of some images have."""
    return Counter(facts.size for facts in images).most_common(1)[0][0]
