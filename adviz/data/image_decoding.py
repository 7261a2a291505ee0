"""Decoding of an image file: at full depth, and turned as its EXIF orientation says.

How the values then become 8 bits is in `adviz.data.images`.
"""

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
# TIFF tags
BITS = 258
COMPRESSION = 259
PHOTOMETRIC = 262
BANDS = 277
PLANES = 284
SAMPLES = 339
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
# bytes within the first 16 of undamaged files that Pillow, or this Pillow, does not open
FOREIGN = (
    (b"ftypavif", "an AVIF image", "it needs a newer Pillow: pip install -U pillow"),
    (b"v/1\x01", "an OpenEXR image", "convert it to 8 or 16 bits"),
    (b"JXL \r\n", "a JPEG XL image", "convert it to PNG"),
    (b"\x93NUMPY", "an array", "give arrays to data.Split.from_arrays, or save them as images"),
    (b"%PDF-", "a PDF document", "save its pages as images"),
)
# what Pillow raises for damaged files; IndexError and KeyError are LookupErrors, OverflowError and
# ZeroDivisionError ArithmeticErrors; an image beyond twice its `MAX_IMAGE_PIXELS` is taken for a
# decompression bomb
DAMAGED = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    EOFError,
    ArithmeticError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)


@dataclass(frozen=True, eq=False)
class DecodedImage:
    """The content of an image file, turned as its orientation tag says.

    Attributes
    ----------
    image: as Pillow reads it, at 8 bits a channel where it has several.
    deep: (h, w) or (h, w, channels) integers of more than 8 bits, without the alpha channel; None
        for other files.
    mode, format: as stored, in Pillow's words: "RGB" and "PNG", whatever the file is called;
        "RGB;16" of 16 bits each.
    bits: how many bits of `deep` the file itself says that it uses; None where it does not.
    inverted: whether 0 is white in `deep` (Pillow itself inverts 8 bits).
    signed: whether the bytes of `image` are signed, which Pillow does not say.
    dropped: how many bands there are beside grey, RGB or CMYK and alpha; nobody reads them.
    turned: whether the tag turned it.
    """

    image: Image.Image
    deep: np.ndarray | None
    mode: str
    format: str
    bits: int | None = None
    inverted: bool = False
    signed: bool = False
    dropped: int = 0
    turned: bool = False

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


def load(path: str | Path) -> DecodedImage:
    """Return the content of an image file; errors as for `opened`."""
    with opened(path) as image:
        unpacking = _unpacking(image)
        is_one_channel = image.mode in ("I", "F") or image.mode.startswith("I;")
        # colours may lie in one plane a channel, each a strip of its own
        planes = not is_one_channel and _tag(image, PLANES, 1) == 2
        planes = planes and 16 in _tag(image, BITS, (8,))
        if planes and _tile(image)[0] != "raw":
            what = "16-bit colours in separate planes, compressed"
            raise UnsupportedImage(path, what, "save it uncompressed")
        deep_colours = planes or (not is_one_channel and ";16" in unpacking)
        # as stored: decoding may change both
        mode = f"{image.mode};16" if deep_colours else image.mode
        file_format = image.format or ""
        bands = [band for band in image.getbands() if band != "X"]  # X is padding
        dropped = max(0, _tag(image, BANDS, 1) - len(bands))
        signed = image.mode == "L" and _tag(image, SAMPLES, (1,))[0] == 2
        inverted = image.mode == "I;16" and _tag(image, PHOTOMETRIC, 1) == WHITE_IS_ZERO

        # the pixels
        deep: np.ndarray | None = None
        turned = False
        netpbm_white = _netpbm_white(image)
        if netpbm_white > 255:
            deep = _netpbm(image, path, netpbm_white)
            upright = Image.fromarray((deep >> 8).astype(np.uint8))
        else:
            upright = ImageOps.exif_transpose(image)
            if image.mode.startswith("I"):
                deep = np.asarray(upright)
            # After the pixels: of a PNG file it may come last
            turned = image.getexif().get(ORIENTATION, 1) != 1
    if deep_colours:
        deep = _deep_colours(path, unpacking, planes)
    bits = None
    if inverted or 255 < netpbm_white < 65535:
        bits = 16
    elif unpacking == "I;12":
        bits = 12
    return DecodedImage(upright, deep, mode, file_format, bits, inverted, signed, dropped, turned)


def from_memory(image: Image.Image | np.ndarray) -> DecodedImage:
    """Return the content of a PIL image, or of a uint16 array (h, w) or (h, w, 3)."""
    if isinstance(image, np.ndarray):
        upper_bytes = Image.fromarray((image >> 8).astype(np.uint8))
        return DecodedImage(upper_bytes, image, upper_bytes.mode, "")
    # a camera turned on its side says so in a tag
    upright = ImageOps.exif_transpose(image)
    deep = np.asarray(upright) if upright.mode.startswith("I") else None
    return DecodedImage(upright, deep, image.mode, image.format or "")


def is_deep(path: Path) -> bool:
    """Return whether a file has more than 8 bits a channel; False if it cannot be read."""
    try:
        with opened(path) as image:
            if image.mode.startswith("I") or ";16" in _unpacking(image):
                return True
            return 16 in _tag(image, BITS, (8,)) or _netpbm_white(image) > 255
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
    """An undamaged file of a kind that is not read."""

    def __init__(self, path: str | Path, what: str, remedy: str) -> None:
        self.short = f"{what}: {remedy}"
        super().__init__(
            "expected grey, palette or RGB images of 8 or 16 bits a channel, "
            f"got {what} in {path}: {remedy}"
        )


@contextmanager
def opened(path: str | Path) -> Iterator[ImageFile.ImageFile]:
    """Open an image file; whatever Pillow raises becomes one of two errors that name the file."""
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
            f"expected a readable image, got {path} ({error}): replace the file, or leave it out"
        ) from error


@functools.cache
def _plug_in() -> None:
    """Let Pillow read HEIC where the extra is installed."""
    if find_spec("pillow_heif"):
        from pillow_heif import register_heif_opener

        register_heif_opener()


def _tile(image: ImageFile.ImageFile) -> Any:
    """Return how Pillow decodes the first piece of a file: name, box, offset, options."""
    return image.tile[0] if image.tile else ("", None, 0, ())


def _unpacking(image: ImageFile.ImageFile) -> str:
    """Return how Pillow unpacks the file's bytes, in its words: "RGB;16B"."""
    options = _tile(image)[3]
    if not isinstance(options, str):
        options = next(iter(options or ()), "")
    return options if isinstance(options, str) else ""


def _tag(image: ImageFile.ImageFile, number: int, default: Any) -> Any:
    """Return the value of a TIFF file's tag; the default of other files."""
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        return image.tag_v2.get(number, default)
    return default


def _deep_colours(path: str | Path, unpacking: str, planes: bool) -> np.ndarray:
    """Return (h, w, channels) 16-bit colours, of which Pillow gives the upper bytes only.

    It unpacks either the first or the second byte of every pair, by the order of bytes that it is
    given: so the file is unpacked twice, once in each order.
    """
    if unpacking == "LA;16B":  # two pairs of bytes a pixel, which look like four channels
        pairs = np.asarray(_unpacked(path, lambda _: "RGBA")).astype(np.uint16)
        return np.asarray(pairs[..., 0] * np.uint16(256) + pairs[..., 1])

    def in_order(byte_order: str) -> Callable[[str], str]:
        return lambda name: name.replace("RGBa", "RGBA").partition(";")[0] + byte_order

    first = np.asarray(_unpacked(path, in_order(";16B"))).astype(np.uint16)
    second = np.asarray(_unpacked(path, in_order(";16L"))).astype(np.uint16)
    if planes:
        first_is_high = _is_big_endian(path)
    else:
        native_is_big = sys.byteorder == "big"
        first_is_high = ";16B" in unpacking or (";16N" in unpacking and native_is_big)
    if first_is_high:
        values = first * np.uint16(256) + second
    else:
        values = second * np.uint16(256) + first
    if unpacking.startswith("RGBa"):  # colours multiplied by alpha
        alpha = values[..., 3:].astype(np.float64)
        # where alpha is 0 there is no colour to recover
        factors = np.divide(alpha.max(), alpha, out=np.zeros_like(alpha), where=alpha > 0)
        values = np.minimum(np.round(values[..., :3] * factors), 65535).astype(np.uint16)
    if not unpacking.startswith("CMYK"):
        values = values[..., :3]
    return np.asarray(values)


def _unpacked(path: str | Path, change: Callable[[str], str]) -> Image.Image:
    """Return an image whose bytes are unpacked in another way than its header says."""
    with opened(path) as image:
        tiles: list[Any] = []
        for tile in image.tile:
            options: Any = tile[3]
            if isinstance(options, str):
                options = change(options)
            else:
                options = (change(options[0]), *options[1:])
            if hasattr(tile, "_replace"):
                tiles.append(tile._replace(args=options))
            else:  # a plain tuple in Pillow before 11
                tiles.append((*tile[:3], options))
        image.tile = tiles
        return ImageOps.exif_transpose(image)


def _is_big_endian(path: str | Path) -> bool:
    with open(path, "rb") as file:
        return file.read(2) == b"MM"


def _netpbm_white(image: ImageFile.ImageFile) -> int:
    """Return the value that stands for white in a binary PGM or PPM file, 0 in others."""
    name, _, _, options = _tile(image)
    return int(options[-1]) if image.format == "PPM" and name == "ppm" else 0


def _netpbm(image: ImageFile.ImageFile, path: str | Path, white: int) -> np.ndarray:
    """Return the values of a PGM or PPM file, scaled so that white is 65535.

    Pillow gives its colours in 8 bits only.
    """
    shape = [image.height, image.width]
    channels = len(image.getbands())
    if channels > 1:
        shape.append(channels)
    with open(path, "rb") as file:
        file.seek(_tile(image)[2])
        values = np.frombuffer(file.read(2 * channels * image.width * image.height), ">u2")
    scaled = np.round(values.reshape(shape) * (65535 / white))
    return np.asarray(scaled.clip(0, 65535).astype(np.uint16))


def _why_unsuited(path: str | Path) -> tuple[str, str] | None:
    """Return what an undamaged file is that Pillow does not open, and what to do; else None."""
    try:
        with open(path, "rb") as file:
            start = file.read(16)
        if start[4:8] == b"ftyp" and start[8:12] in HEIF_BRANDS:
            return "a HEIC photograph", 'pip install "adviz-anomaly[heic]"'
        for signature, what, remedy in FOREIGN:
            if signature in start:
                return what, remedy
        tags = _tiff_tags(path) if start[:4] in TiffImagePlugin.PREFIXES else {}
    except (*DAMAGED, MemoryError):
        return None
    if BITS not in tags or not _is_whole(path, tags):
        return None
    return _why_unsuited_tiff(tags)


def _why_unsuited_tiff(tags: dict[int, Any]) -> tuple[str, str] | None:
    """Return what is unusual in a TIFF file of these tags, and what to do; else None."""
    bits = tags[BITS]
    bands = tags.get(BANDS, 1)
    sample = tags.get(SAMPLES, (1,))[0]
    if tags.get(COMPRESSION, 1) not in TiffImagePlugin.COMPRESSION_INFO:
        return f"a TIFF compressed by the method {tags[COMPRESSION]}", "save it uncompressed"
    prefix = f"{bands} bands of " if bands > 1 else ""
    if sample in KINDS:
        remedy = "convert it to 8 or 16 bits by one rule for all images, such as "
        remedy += "np.round(255 * image) of values in 0..1"
        return f"{prefix}{KINDS[sample]} of {bits[0]} bits", remedy
    # Pillow reads 1, 2, 4 and 12 bits of some kinds, and these never come here
    if bits[0] not in (8, 16) or len(set(bits)) > 1:
        return f"{prefix}integers of {bits[0]} bits", "convert it to 8 or 16 bits"
    if bands not in (1, 3):
        remedy = "choose three of them, or one, and save these as RGB or grey"
        return f"{bands} bands of {bits[0]} bits", remedy
    if bands == 3:
        return f"3 bands of {bits[0]} bits that are not said to be colours", "save them as RGB"
    if tags.get(PHOTOMETRIC) == WHITE_IS_ZERO:
        return f"grey values of {bits[0]} bits in which 0 is white", "save it with 0 as black"
    return None


def _is_whole(path: str | Path, tags: dict[int, Any]) -> bool:
    """Return whether all pieces of a TIFF file lie inside it."""
    size = Path(path).stat().st_size
    for offsets, lengths in PIECES:
        if offsets in tags and lengths in tags:
            pieces = zip(tags[offsets], tags[lengths], strict=False)
            return max((offset + length for offset, length in pieces), default=0) <= size
    return False


def _tiff_tags(path: str | Path) -> dict[int, Any]:
    """Return the tags of a TIFF file's first image."""
    with open(path, "rb") as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's, of tags that it does not know
        header = file.read(8)
        if header[2:4] in (b"\x2b\x00", b"\x00\x2b"):  # BigTIFF
            header += file.read(8)
        directory = TiffImagePlugin.ImageFileDirectory_v2(header)
        file.seek(directory.next)
        directory.load(file)
        return dict(directory)
