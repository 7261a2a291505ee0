"""TIFF and PNG files of kinds that Pillow does not write, byte by byte from their definitions."""

import struct
import zlib

import numpy as np

# TIFF's numbers for unsigned, signed, floating point and complex
SAMPLE = {"u": 1, "b": 1, "i": 2, "f": 3, "c": 6}


def tiff(path, values, photometric=None, extra=(), order="<", planes=False, **tags):
    """Write (h, w) or (h, w, bands) values uncompressed, in one strip, or in one for each band."""
    values = np.asarray(values)
    bands = 1 if values.ndim == 2 else values.shape[2]
    height, width = values.shape[:2]
    if photometric is None:
        photometric = 2 if bands in (3, 4) else 1
    layers = np.moveaxis(values, 2, 0) if planes else [values]
    strips = [
        np.ascontiguousarray(one, values.dtype.newbyteorder(order)).tobytes() for one in layers
    ]
    bits = values.dtype.itemsize * 8
    entries = {
        256: ("I", [width]),
        257: ("I", [height]),
        258: ("H", [bits] * bands),
        259: ("H", [tags.get("compression", 1)]),
        262: ("H", [photometric]),
        273: ("I", [0] * len(strips)),
        277: ("H", [bands]),
        278: ("I", [height]),
        279: ("I", [len(one) for one in strips]),
        284: ("H", [2 if planes else 1]),
        **({338: ("H", list(extra))} if extra else {}),
        339: ("H", [SAMPLE[values.dtype.kind]] * bands),
    }
    place = 8 + 2 + 12 * len(entries) + 4
    spilled = sum(len(found) * struct.calcsize(code) for code, found in entries.values())
    entries[273] = (
        "I",
        [place + spilled + sum(map(len, strips[:number])) for number in range(len(strips))],
    )
    directory, rest = b"", b""
    for number, (code, found) in sorted(entries.items()):
        packed = struct.pack(f"{order}{len(found)}{code}", *found)
        kind = {"H": 3, "I": 4}[code]
        if len(packed) <= 4:
            inside = packed.ljust(4, b"\0")
        else:
            inside = struct.pack(f"{order}I", place + len(rest))
            rest += packed
        directory += struct.pack(f"{order}HHI", number, kind, len(found)) + inside
    mark = b"II" if order == "<" else b"MM"
    head = mark + struct.pack(f"{order}HI", 42, 8) + struct.pack(f"{order}H", len(entries))
    path.write_bytes(head + directory + b"\0" * 4 + rest.ljust(spilled, b"\0") + b"".join(strips))
    return path


def png(path, values):
    """Write (h, w) or (h, w, 1 to 4) uint16 values: grey, grey and alpha, RGB, or RGB and alpha."""
    values = np.asarray(values, ">u2").reshape(*np.shape(values)[:2], -1)
    height, width, channels = values.shape
    kind = {1: 0, 2: 4, 3: 2, 4: 6}[channels]

    def chunk(name, body):
        return (
            struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        )

    rows = b"".join(b"\0" + row.tobytes() for row in values)  # filter 0
    header = struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, 0)
    pieces = chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(pieces))
    return path


def netpbm(path, values, highest):
    """Write (h, w) or (h, w, 3) values as a binary PGM or PPM file of two bytes each."""
    values = np.asarray(values, ">u2")
    magic = "P5" if values.ndim == 2 else "P6"
    path.write_bytes(
        f"{magic}\n{values.shape[1]} {values.shape[0]}\n{highest}\n".encode() + values.tobytes()
    )
    return path
