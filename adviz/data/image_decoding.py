"""What an image file holds, at full depth and turned as it is shown, before it becomes 8 bits."""

from __future__ import annotations

import functools
import struct
import sys
import warnings
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageFile, ImageOps, TiffImagePlugin, UnidentifiedImageError

ORIENTATION = 0x0112  # EXIF tag; from 5 on rows and columns are swapped
BITS, COMPRESSION, PHOTOMETRIC, BANDS, PLANES, SAMPLES = 258, 259, 262, 277, 284, 339  # TIFF tags
# TIFF tags: where the strips or tiles begin, and how long they are
PIECES = ((273, 279), (324, 325))
WHITE_IS_ZERO = 0
KINDS = {
    2: "signed integers",
    3: "floating point values",
    5: "complex integers",
    6: "complex values",
}
HEIF_BRANDS = (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1")
FOREIGN = (  # bytes within the first 16 of sound files that Pillow, or this Pillow, does not open
    (b"ftypavif", "an AVIF image", "it needs a newer Pillow: pip install -U pillow"),
    (b"v/1\x01", "an OpenEXR image", "convert it to 8 or 16 bits"),
    (b"JXL \r\n", "a JPEG XL image", "convert it to PNG"),
    (b"\x93NUMPY", "an array", "give arrays to data.Split.from_arrays, or save them as images"),
    (b"%PDF-", "a PDF document", "save its pages as images"),
)
# what Pillow raises for damaged files; an image beyond twice its `MAX_IMAGE_PIXELS` is taken for a
# decompression bomb
DAMAGED = (
    *(
        OSError,
        SyntaxError,
        ValueError,
        TypeError,
        KeyError,
        IndexError,
        EOFError,
        OverflowError,
        ZeroDivisionError,
    ),
    *(struct.error, zlib.error, Image.DecompressionBombError),
)


@dataclass(frozen=True, eq=False)
class Stored:
    """What a file holds, turned as its orientation tag says.

    Attributes
    ----------
    image: as Pillow reads it, at 8 bits a channel where it has several.
    deep: (h, w) or (h, w, channels) integers of more than 8 bits, without the alpha channel; None
        for other files.
    bits: how many bits of them the file itself says that it uses; None where it does not.
    inverted: whether 0 is white in `deep` (Pillow itself inverts 8 bits).
    signed: whether the bytes of `image` are signed, which Pillow does not say.
    dropped: how many bands there are beside grey, RGB or CMYK and alpha; nobody reads them.
    mode, format: as stored, in Pillow's words: "RGB" and "PNG", whatever the file is called;
        "RGB;16" of 16 bits each.
    turned: whether the tag turned it.
    """

    image: Image.Image
    deep: np.ndarray | None
    bits: int | None
    inverted: bool
    signed: bool
    dropped: int
    mode: str
    format: str
    turned: bool

    @property
    def transparent(self) -> bool:
        """Whether anything is not opaque."""
        image = self.image
        clear = image.info.get("transparency")
        if self.deep is not None and isinstance(clear, int):  # a grey value that stands for nothing
            return bool((self.deep == clear).any())
        if self.deep is not None and image.mode.startswith("I"):
            return False
        if clear is None and image.mode not in ("LA", "La", "PA", "RGBA", "RGBa"):
            return False
        alpha = as_rgba(image).getchannel("A")
        return bool(np.asarray(alpha).min() < 255)


def load(path: str | Path) -> Stored:
    """Return what a file holds; errors as for `opened`."""
    with opened(path) as image:
        raw = _raw(image)
        kind = image.format or ""
        several = image.mode not in ("I", "F") and not image.mode.startswith("I;")
        planes = several and _tag(image, PLANES, 1) == 2 and 16 in _tag(image, BITS, (8,))
        coloured = planes or (several and ";16" in raw)
        mode = f"{image.mode};16" if coloured else image.mode
        inverted = image.mode == "I;16" and _tag(image, PHOTOMETRIC, 1) == WHITE_IS_ZERO
        read = [band for band in image.getbands() if band != "X"]
        dropped = max(0, _tag(image, BANDS, 1) - len(read))
        signed = image.mode == "L" and _tag(image, SAMPLES, (1,))[0] == 2
        if planes and _tile(image)[0] != "raw":
            raise UnsupportedImage(
                path, "16-bit colours in separate planes, compressed", "save it uncompressed"
            )
        highest = _netpbm_highest(image)
        deep: np.ndarray | None = None
        if highest > 255:
            values = _netpbm(image, path, highest)
            shown = Image.fromarray((values >> 8).astype(np.uint8))
            deep = values
            turned = False
        else:
            shown = ImageOps.exif_transpose(image)
            if image.mode.startswith("I"):
                deep = np.asarray(shown)
            # After the pixels: of a PNG file it may come last
            turned = image.getexif().get(ORIENTATION, 1) != 1
    if coloured:
        deep = _colours(path, raw, planes)
    bits = None
    if inverted or 255 < highest < 65535:
        bits = 16
    elif raw == "I;12":
        bits = 12
    return Stored(shown, deep, bits, inverted, signed, dropped, mode, kind, turned)


def held(image: Image.Image | np.ndarray) -> Stored:
    """Return what a PIL image, or a uint16 array (h, w) or (h, w, 3), in memory holds."""
    if isinstance(image, np.ndarray):
        shown = Image.fromarray((image >> 8).astype(np.uint8))
        return Stored(shown, image, None, False, False, 0, shown.mode, "", False)
    shown = ImageOps.exif_transpose(image)
    deep = np.asarray(shown) if shown.mode.startswith("I") else None
    return Stored(shown, deep, None, False, False, 0, image.mode, image.format or "", False)


def is_deep(path: Path) -> bool:
    """Tell by its header whether a file holds more than 8 bits a channel; False where it cannot be read."""
    try:
        with opened(path) as image:
            if image.mode.startswith("I") or ";16" in _raw(image):
                return True
            return 16 in _tag(image, BITS, (8,)) or _netpbm_highest(image) > 255
    except (FileNotFoundError, ValueError):
        return False


def as_rgba(image: Image.Image) -> Image.Image:
    """Return an image with its alpha channel, whichever way it has one."""
    if image.mode == "La":  # colours multiplied by alpha
        image = image.convert("LA")
    elif image.mode == "RGBa":
        image = image.convert("RGBA")
    return image.convert("RGBA")


class UnsupportedImage(ValueError):
    """A sound file of a kind that is not read."""

    def __init__(self, path: str | Path, what: str, remedy: str) -> None:
        self.short = f"{what}: {remedy}"
        super().__init__(
            f"expected grey, palette or RGB images of 8 or 16 bits a channel, got {what} in {path}: {remedy}"
        )


@contextmanager
def opened(path: str | Path) -> Iterator[ImageFile.ImageFile]:
    """Open a file and say what is wrong with it in one way, whatever Pillow raises."""
    _plug_in()
    try:
        with Image.open(path) as image:
            yield image
    except FileNotFoundError:
        raise FileNotFoundError(f"expected an image file, found nothing at {path}") from None
    except PermissionError as error:
        raise ValueError(
            f"expected an image that may be read, got {path} ({error}): change its permissions"
        ) from error
    except UnsupportedImage:
        raise
    except DAMAGED as error:
        unsuited = _why_unsuited(path) if isinstance(error, UnidentifiedImageError) else None
        if unsuited:
            raise UnsupportedImage(path, *unsuited) from None
        raise ValueError(
            f"expected a readable image, got {path} ({error}): replace the file, or remove it from the data set"
        ) from error


@functools.cache
def _plug_in() -> None:
    """Let Pillow read HEIC where the extra is installed."""
    if find_spec("pillow_heif"):
        from pillow_heif import register_heif_opener

        register_heif_opener()


def _tile(image: ImageFile.ImageFile) -> Any:
    """Return how Pillow decodes the first piece of a file: name, place in the image, place in the file, options."""
    return image.tile[0] if image.tile else ("", None, 0, ())


def _raw(image: ImageFile.ImageFile) -> str:
    """Return how Pillow unpacks the file's bytes, in its words: "RGB;16B"."""
    options = _tile(image)[3]
    first = options if isinstance(options, str) else next(iter(options or ()), "")
    return first if isinstance(first, str) else ""


def _tag(image: ImageFile.ImageFile, number: int, default: Any) -> Any:
    """Return what a TIFF file says; the default of other files."""
    return (
        image.tag_v2.get(number, default)
        if isinstance(image, TiffImagePlugin.TiffImageFile)
        else default
    )


def _colours(path: str | Path, raw: str, planes: bool) -> np.ndarray:
    """Return (h, w, channels) 16-bit colours, of which Pillow gives the upper bytes only.

    It unpacks either the first or the second byte of every pair, by the order that it is told: so
    it is told both.
    """
    if raw == "LA;16B":  # two pairs of bytes a pixel, which look like four channels
        pairs = np.asarray(_unpacked(path, lambda _: "RGBA")).astype(np.uint16)
        return np.asarray(pairs[..., 0] * np.uint16(256) + pairs[..., 1])

    def told(order: str) -> Callable[[str], str]:
        return lambda name: name.replace("RGBa", "RGBA").partition(";")[0] + order

    first = np.asarray(_unpacked(path, told(";16B"))).astype(np.uint16)
    second = np.asarray(_unpacked(path, told(";16L"))).astype(np.uint16)
    big = (
        _is_big_endian(path)
        if planes
        else ";16B" in raw or (";16N" in raw and sys.byteorder == "big")
    )
    high, low = (first, second) if big else (second, first)
    values = high * np.uint16(256) + low
    if raw.startswith("RGBa"):  # colours multiplied by alpha
        alpha = values[..., 3:].astype(np.float64)
        shares = np.divide(alpha.max(), alpha, out=np.zeros_like(alpha), where=alpha > 0)
        values = np.minimum(np.round(values[..., :3] * shares), 65535).astype(np.uint16)
    return np.asarray(values if raw.startswith("CMYK") else values[..., :3])


def _unpacked(path: str | Path, change: Callable[[str], str]) -> Image.Image:
    """Return an image whose bytes are unpacked in another way than its header says."""
    with opened(path) as image:
        tiles: list[Any] = []
        for tile in image.tile:
            options: Any = tile[3]
            options = (
                change(options) if isinstance(options, str) else (change(options[0]), *options[1:])
            )
            # a plain tuple in Pillow before 11
            tiles.append(
                tile._replace(args=options) if hasattr(tile, "_replace") else (*tile[:3], options)
            )
        image.tile = tiles
        return ImageOps.exif_transpose(image)


def _is_big_endian(path: str | Path) -> bool:
    with open(path, "rb") as file:
        return file.read(2) == b"MM"


def _netpbm_highest(image: ImageFile.ImageFile) -> int:
    """Return the value that stands for white in a binary PGM or PPM file, 0 in others."""
    name, _, _, options = _tile(image)
    return int(options[-1]) if image.format == "PPM" and name == "ppm" else 0


def _netpbm(image: ImageFile.ImageFile, path: str | Path, highest: int) -> np.ndarray:
    """Return the values of a PGM or PPM file as shares of 65535, of which Pillow gives colours in 8 bits only."""
    channels = len(image.getbands())
    with open(path, "rb") as file:
        file.seek(_tile(image)[2])
        values = np.frombuffer(file.read(2 * channels * image.width * image.height), ">u2")
    shape = (image.height, image.width) if channels == 1 else (image.height, image.width, channels)
    return np.asarray(
        np.round(values.reshape(shape) * (65535 / highest)).clip(0, 65535).astype(np.uint16)
    )


def _why_unsuited(path: str | Path) -> tuple[str, str] | None:
    """Return what a file is that Pillow does not open, and what to do, if it is sound as far as its header says."""
    try:
        with open(path, "rb") as file:
            start = file.read(16)
        if start[4:8] == b"ftyp" and start[8:12] in HEIF_BRANDS:
            return "a HEIC photograph", 'pip install "adviz[heic]"'
        for sign, what, remedy in FOREIGN:
            if sign in start:
                return what, remedy
        tags = _tiff_tags(path) if start[:4] in TiffImagePlugin.PREFIXES else {}
    except (*DAMAGED, MemoryError):
        return None
    if BITS not in tags or not _is_whole(path, tags):
        return None
    bits = tags[BITS]
    bands = tags.get(BANDS, 1)
    sample = tags.get(SAMPLES, (1,))[0]
    if tags.get(COMPRESSION, 1) not in TiffImagePlugin.COMPRESSION_INFO:
        return f"a TIFF compressed by the method {tags[COMPRESSION]}", "save it uncompressed"
    several = f"{bands} bands of " if bands > 1 else ""
    if sample in KINDS:
        how = "convert it to 8 or 16 bits by one rule for all images, such as np.round(255 * image) of values in 0..1"
        return f"{several}{KINDS[sample]} of {bits[0]} bits", how
    if bits[0] not in (8, 16) or len(set(bits)) > 1:
        return f"{several}integers of {bits[0]} bits", "convert it to 8 or 16 bits"
    if bands not in (1, 3):
        return (
            f"{bands} bands of {bits[0]} bits",
            "choose three of them, or one, and save these as RGB or grey",
        )
    if bands == 3:
        return f"3 bands of {bits[0]} bits that are not said to be colours", "save them as RGB"
    if tags.get(PHOTOMETRIC) == WHITE_IS_ZERO:
        return f"grey values of {bits[0]} bits in which 0 is white", "save it with 0 as black"
    return None


def _is_whole(path: str | Path, tags: dict[int, Any]) -> bool:
    """Tell whether all pieces of a TIFF file lie inside it."""
    for places, lengths in PIECES:
        if places in tags and lengths in tags:
            ends = [
                place + length for place, length in zip(tags[places], tags[lengths], strict=False)
            ]
            return max(ends, default=0) <= Path(path).stat().st_size
    return False


def _tiff_tags(path: str | Path) -> dict[int, Any]:
    """Return the tags of a TIFF file's first image."""
    with open(path, "rb") as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's, of tags that it does not know
        header = file.read(8)
        if header[2:4] in (b"\x2b\x00", b"\x00\x2b"):
            header += file.read(8)
        directory = TiffImagePlugin.ImageFileDirectory_v2(header)
        file.seek(directory.next)
        directory.load(file)
        return dict(directory)
