"""Files to 8-bit RGB arrays and masks, by one documented rule."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image

from adviz.data.mask_arrays import ArrayMask
from adviz.data.paths import children
from adviz.data.stored import ORIENTATION, Stored, UnsupportedImage, as_rgba, is_deep, load, opened

DEPTHS = (8, 10, 12, 14, 16)  # bits of cameras whose files are of 16
HEADERS = 64  # of so many files of a data set it is looked up whether they are of more than 8 bits
LEVELS = 64  # masks of more grey levels are soft, not labels
INNER = 0.1  # share of a label's pixels that lie inside it; of a soft edge's next to none
# Of the formats that Pillow opens those of photographs: no icons, textures, documents, drawings,
# videos or stubs.
FORMATS = (
    *(
        "AVIF",
        "BMP",
        "DIB",
        "GIF",
        "JPEG",
        "JPEG2000",
        "MPO",
        "PCX",
        "PNG",
        "PPM",
        "QOI",
        "SGI",
        "SUN",
        "TGA",
    ),
    *("TIFF", "WEBP"),
)
HEIF = (".heic", ".heics", ".heif", ".heifs", ".hif")
# what to do with pictures that are not read, by suffix
REMEDIES = {
    **dict.fromkeys(HEIF, 'pip install "adviz[heic]"'),
    **dict.fromkeys((".avif", ".avifs"), "they need a newer Pillow: pip install -U pillow"),
    **dict.fromkeys(
        (".npy", ".npz"), "give the arrays to data.Split.from_arrays, or save them as images"
    ),
    **dict.fromkeys(
        (".raw", ".dng", ".cr2", ".cr3", ".nef", ".arw", ".exr", ".hdr"),
        "convert them to PNG or TIFF",
    ),
    **dict.fromkeys((".fits", ".fit", ".dcm", ".psd", ".pdf"), "convert them to PNG or TIFF"),
}


def open_image(path: str | Path, bits: int | None = None) -> Image.Image:
    """Read an image file as 8-bit RGB.

    Grey values are repeated in the three channels, palettes are looked up, an alpha channel and
    bands beyond the third are dropped, CMYK is converted by Pillow's formula (no colour profile),
    and the camera's orientation tag is obeyed. Values of more than 8 bits a channel are divided by
    ``(2**bits - 1) / 255``, by one number of bits for a whole data set, so that brightness stays
    comparable between images: see `Depth`. Of an animation or a stack of pages the first one is
    read. `adviz.data.check` names files of which something is dropped.

    Parameters
    ----------
    path: the file.
    bits: that the values of files of more than 8 bits use, 8 to 16; None = as many as this file by
        itself needs.

    Raises
    ------
    FileNotFoundError: there is no such file.
    ValueError: the file is no image that Pillow can read, is truncated, holds floating point
        values, more than 16 bits a channel or more than `bits`, two or five bands, or more pixels
        than twice Pillow's `MAX_IMAGE_PIXELS` (179 million).
    """
    return as_rgb(load(path), path, bits)


def as_rgb(stored: Stored, path: str | Path, bits: int | None = None) -> Image.Image:
    """Return an image as 8-bit RGB by the rule of `open_image`, which see; `path` is for messages."""
    image = stored.image
    if image.mode == "F":
        raise UnsupportedImage(
            path,
            "floating point values",
            "convert it to 8 or 16 bits by one rule for all images, such as np.round(255 * image) of values in 0..1",
        )
    if stored.signed and np.asarray(image).max() > 127:
        raise UnsupportedImage(path, "negative values", "convert it to 8 or 16 bits without a sign")
    if stored.deep is not None:
        image = _of_8_bits(stored, path, needed(stored, path) if bits is None else bits)
    if image.mode == "La":  # colours multiplied by alpha
        image = image.convert("LA")
    if "transparency" in image.info:  # dropped on purpose, of which Pillow warns
        image = image.copy()
        del image.info["transparency"]
    try:
        return image.convert("RGB")
    except ValueError as error:
        raise UnsupportedImage(
            path, f"colours of mode {image.mode}", "convert it to RGB"
        ) from error


def needed(stored: Stored, path: str | Path) -> int:
    """Return the bits of more than 8 that a file needs, one of `DEPTHS`; 0 of other files.

    What says that 0 is white needs all that its type holds: the largest value is black then.
    """
    if stored.deep is None:
        return 0
    largest = _largest(stored.deep, path)
    if stored.bits is not None:
        return stored.bits
    return next(bits for bits in DEPTHS if largest < 2**bits)


def _largest(values: np.ndarray, path: str | Path) -> int:
    lowest = int(values.min())
    largest = int(values.max())
    if lowest < 0:
        raise UnsupportedImage(
            path, f"values from {lowest}", "convert it to 8 or 16 bits without a sign"
        )
    if largest > 65535:
        raise UnsupportedImage(
            path, f"values up to {largest}", "convert it to at most 16 bits a channel"
        )
    return largest


def _of_8_bits(stored: Stored, path: str | Path, bits: int) -> Image.Image:
    """Return the deep values of a file as an 8-bit image."""
    assert stored.deep is not None  # noqa: S101 - for the type checker
    largest = _largest(stored.deep, path)
    if largest >= 2**bits:
        enough = next(more for more in DEPTHS if largest < 2**more)
        raise ValueError(
            f"expected values up to {2**bits - 1} ({bits} bits, as the training images have), got {largest} in {path}: "
            f"give Geometry(bits={enough}), for all images alike, or remove it"
        )
    values = _table(bits, stored.inverted)[stored.deep]
    if values.ndim == 3 and values.shape[2] == 4:
        return Image.frombytes("CMYK", values.shape[1::-1], values.tobytes())
    return Image.fromarray(values)


@functools.cache
def _table(bits: int, inverted: bool) -> np.ndarray:
    """Return the 8-bit value of every value of so many bits."""
    white = 2**bits - 1
    values = np.round(np.arange(white + 1) * 255 / white)
    if inverted:
        values = 255 - values
    return np.asarray(values.astype(np.uint8))


@dataclass(eq=False)
class Depth:
    """How many bits the images of one data set use, which no single one can tell.

    Cameras of 10, 12 and 14 bits write files of 16, of which a dark photograph uses even less.

    Attributes
    ----------
    files: the training images.
    """

    files: Sequence[Path] = ()

    @functools.cached_property
    def bits(self) -> int | None:
        """The least of 8, 10, 12, 14 and 16 that hold all values of the files; None where all are 8-bit images.

        The headers of up to 64 files say whether any is of more than 8 bits; only then all files
        are decoded, once.
        """
        step = max(1, -(-len(self.files) // HEADERS))
        if not any(is_deep(file) for file in self.files[::step]):
            return None
        with ThreadPoolExecutor() as pool:
            return max(pool.map(_bits_of, self.files)) or None


def _bits_of(path: Path) -> int:
    """Return the bits that a file needs; 0 where it is of 8 bits, or cannot be read, which is said when it is."""
    try:
        return needed(load(path), path)
    except (FileNotFoundError, ValueError):
        return 0


def open_mask(path: str | Path | ArrayMask, labels: Labels | None = None) -> Image.Image:
    """Read a ground-truth file, the union of a folder of them, or one mask of many in a file, as an "L" image.

    It is 0 (normal) and 255 (defect).

    A pixel's value is the largest of its colour channels, after palettes are looked up, on black
    where it is transparent; 16-bit values are divided by 257 when the file has any above 255. A
    pixel is a defect from value 128 on (so JPEG or anti-aliased masks work); in files whose largest
    value is below 128 (label numbers 0, 1, 2, ...) every value above 0 is one, and so it is in
    masks of several labels on both sides of 128: see `Labels`. A folder, as MVTec LOCO AD has one
    for every image, marks what any of its files does. The orientation tag is obeyed, as it is in
    images. In an `ArrayMask` every value above 0 is a defect.

    Parameters
    ----------
    path: the file, folder, or mask of an array file.
    labels: what the masks of the data set are; None = as this one by itself looks.

    Raises
    ------
    FileNotFoundError: there is nothing there, or a folder without images.
    ValueError: a file cannot be read, see `open_image`, or the files of a folder differ in size.
    """
    if isinstance(path, ArrayMask):
        return path.open()
    files = mask_files(path)
    if not files:
        raise FileNotFoundError(
            f"expected masks in the folder {path}, found none: add them, or remove it"
        )
    union = _binary(files[0], labels)
    for file in files[1:]:
        another = _binary(file, labels)
        if another.shape != union.shape:
            sizes = " and ".join(
                f"{width}x{height}" for height, width in (union.shape, another.shape)
            )
            raise ValueError(
                f"expected masks of one size in the folder {path}, got {sizes}: replace {file.name}"
            )
        union |= another
    return Image.fromarray(union.astype(np.uint8) * np.uint8(255))


@dataclass(eq=False)
class Labels:
    """Whether the masks of one data set hold labels, of which every one is a defect, or soft edges.

    A mask with values on both sides of 128 can be either: labels such as 50, 100, 150 and 200, or a
    defect of 255 whose edge is anti-aliased. Labels are few and fill areas, also in other masks of
    the same set; a soft edge is a line.

    Attributes
    ----------
    files: the masks, as `open_mask` takes them.
    """

    files: Sequence[str | Path | ArrayMask | None] = ()

    @functools.cached_property
    def meant(self) -> bool:
        """Whether every value but the background's is a defect; all files are opened to tell."""
        paths = [
            path for one in self.files if isinstance(one, str | Path) for path in mask_files(one)
        ]
        with ThreadPoolExecutor() as pool:
            found = [low for low in pool.map(_low_of, paths) if low is not None]
        return are_labels(found)


@dataclass(frozen=True)
class Low:
    """The pixels of a mask that are above the background and below 128, beside others from 128 on.

    Attributes
    ----------
    levels: the mask's values above 0.
    count: how many pixels these are.
    inner: how many of them have neighbours of their own value alone.
    alone: how many have no neighbour of a higher value, as a pixel of a soft edge has.
    numbered: whether the file holds numbers with a palette.
    """

    levels: frozenset[int]
    count: int
    inner: int
    alone: int
    numbered: bool


def are_labels(masks: Sequence[Low]) -> bool:
    """Tell whether the ambiguous masks of a data set hold labels."""
    levels = frozenset[int]().union(*(one.levels for one in masks))
    if not masks or len(levels) > LEVELS:
        return False
    inner = sum(one.inner for one in masks)
    return inner >= INNER * sum(one.count for one in masks) or all(one.numbered for one in masks)


def mask_files(path: str | Path) -> list[Path]:
    """Return the files that make a mask: `path` itself, or the images of that folder, sorted."""
    path = Path(path)
    return images_of(path) if path.is_dir() else [path]


@functools.cache
def suffixes() -> tuple[str, ...]:
    """Return the suffixes, in small letters, of the image files that can be read here."""
    Image.init()
    readable = {*FORMATS} & {*Image.OPEN, "MPO"}  # which the reader of JPEG files opens
    found = [suffix for suffix, name in Image.registered_extensions().items() if name in readable]
    if find_spec("pillow_heif"):
        found.extend(HEIF)
    return tuple(sorted(set(found)))


def no_images_hint(folder: Path) -> str:
    """Return how to go on where a folder, or those below it, hold no image: "found none: add some", or what is there.

    It reads ``found 8 files .HEIC: pip install "adviz[heic]"``, of the suffix that most files have.
    """
    files = [file for file in folder.rglob("*") if file.is_file()] if folder.is_dir() else []
    shown = [
        file
        for file in files
        if not any(part.startswith(".") for part in file.relative_to(folder).parts)
    ]
    counts = Counter(
        file.suffix for file in shown if file.suffix and file.suffix.lower() not in suffixes()
    )
    if not counts:
        return "found none: add some"
    suffix, count = counts.most_common(1)[0]
    several = "s" if count > 1 else ""
    return f"found {count} file{several} {suffix}: {remedy(suffix)}"


def remedy(suffix: str) -> str:
    """Return what to do with files of a suffix that is not read."""
    return REMEDIES.get(suffix.lower(), "add images, or convert them to PNG or TIFF")


def images_of(folder: Path) -> list[Path]:
    """Return a folder's image files, sorted; hidden files, other suffixes, folders and broken links are passed over."""
    return [
        file for file in children(folder) if file.suffix.lower() in suffixes() and file.is_file()
    ]


def image_size(path: str | Path) -> tuple[int, int]:
    """Return (width, height) in pixels as `open_image` would, decoding as little as possible."""
    with opened(path) as image:
        # Of a PNG file the tag may come last: all of it would be decoded
        if image.width == image.height:
            return image.size
        turned = image.getexif().get(ORIENTATION, 1) >= 5
        return (image.height, image.width) if turned else (image.width, image.height)


@dataclass(frozen=True, eq=False)
class MaskValues:
    """The values of a mask file.

    Attributes
    ----------
    values: (H, W) from 0 to 255.
    above: (H, W) bool, what is not background, however little above it.
    numbered: whether they are numbers with a palette: of a few colours that are no greys, or of
        none.
    lossy: whether they were compressed so that they changed.
    """

    values: np.ndarray
    above: np.ndarray
    numbered: bool = False
    lossy: bool = False

    @property
    def marked(self) -> np.ndarray:
        """What the values of this file by themselves mark, (H, W) bool."""
        return np.asarray(self.values >= (128 if self.values.max() >= 128 else 1))

    def low(self, marked: np.ndarray) -> Low | None:
        """Return what there is above the background that is not marked; None where nothing is."""
        above = np.count_nonzero(self.above)
        # Nothing, or no background
        if self.lossy or above in (np.count_nonzero(marked), self.above.size):
            return None
        below = self.above & ~marked
        around = np.lib.stride_tricks.sliding_window_view(
            np.pad(self.values, 1, mode="edge"), (3, 3)
        )
        highest = around.max((2, 3))
        alone = below & (highest <= self.values)
        inner = alone & (around.min((2, 3)) >= self.values)
        return Low(
            frozenset(np.unique(self.values[self.above]).round().astype(int).tolist()),
            count=int(np.count_nonzero(below)),
            inner=int(np.count_nonzero(inner)),
            alone=int(np.count_nonzero(alone)),
            numbered=self.numbered,
        )


def mask_values(path: Path) -> MaskValues:
    """Return the values of a mask file; errors as for `open_image`."""
    stored = load(path)
    image = stored.image
    lossy = stored.format in ("JPEG", "MPO")
    if stored.deep is not None:
        return _of_deep(stored, path)
    if image.mode == "F":
        values = np.asarray(image)
        return MaskValues(values * 255 if values.max() <= 1 else values, values > 0)
    if image.mode in ("1", "L") and "transparency" not in image.info:
        values = np.asarray(image.convert("L"))
        return MaskValues(values, values > 0, lossy=lossy)
    colours = np.asarray(as_rgba(image), dtype=np.float32)
    values = colours[..., :3].max(2) * colours[..., 3] / 255
    if image.mode == "P":
        return _of_palette(image, colours, values)
    return MaskValues(values, values > 0, lossy=lossy)


def _of_deep(stored: Stored, path: Path) -> MaskValues:
    """Return the values of a mask of more than 8 bits."""
    assert stored.deep is not None  # noqa: S101 - for the type checker
    values = stored.deep if stored.deep.ndim == 2 else stored.deep.max(2)
    largest = _largest(values, path)
    if stored.inverted:
        values = 65535 - values
        largest = int(values.max())
    if stored.image.mode == "RGBA":
        values = values * (np.asarray(stored.image)[..., 3] / 255)
    return MaskValues(np.round(values / 257) if largest > 255 else values, values > 0)


def _of_palette(image: Image.Image, colours: np.ndarray, values: np.ndarray) -> MaskValues:
    """Return the values of a mask with a palette, where labels are numbers: a colour may be missing, or dark."""
    indices = np.asarray(image)
    used, first = np.unique(indices, return_index=True)
    seen = colours.reshape(-1, 4)[first]  # (colours, 4)
    opaque = colours[..., 3] > 0
    if len(used) > 1 and len(np.unique(seen, axis=0)) == 1:  # a palette that says nothing
        values = np.where(opaque, indices, 0)
        return MaskValues(values, values > 0, numbered=True)
    if len(used) > LEVELS or not np.ptp(seen[:, :3], axis=1).any():  # many colours, or greys
        return MaskValues(values, values > 0)
    begins_black = not any((image.getpalette() or [255])[:3])
    above = (indices > 0) & opaque if begins_black else values > 0
    return MaskValues(values, above, numbered=True)


def _binary(path: Path, labels: Labels | None) -> np.ndarray:
    """Return a mask file as (H, W) bool."""
    found = mask_values(path)
    marked = found.marked
    low = found.low(marked)
    if low is None:
        return marked
    meant = are_labels([low]) if labels is None else labels.meant
    return found.above if meant else marked


def _low_of(path: Path) -> Low | None:
    """Return what is ambiguous in a mask file; None where nothing is, or it cannot be read (said when it is)."""
    try:
        found = mask_values(path)
    except (FileNotFoundError, ValueError):
        return None
    return found.low(found.marked)
