"""`adviz export-model`: a saved detector and its network as one ONNX file, which needs no adviz."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from adviz.app.commands.errors import Failed, UsageError
from adviz.app.commands.sentences import indented

if TYPE_CHECKING:
    from adviz.data import Geometry, Split
    from adviz.detectors import Detector
    from adviz.evaluation import Threshold
    from adviz.features import Backbone

SUMMARY = "write a PatchCore or PaDiM and its network to one ONNX file, for a camera's computer"
NEEDS: dict[str, str] = {}  # not of the extra `lab`: `main` names its own
SUFFIX = ".onnx"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    file_help = "what `adviz learn` wrote, or a detector's save"
    parser.add_argument("file", type=Path, metavar="FILE", help=file_help)
    to_help = "the file to write; default: FILE's name with .onnx, here"
    parser.add_argument("--to", type=Path, metavar="FILE", help=to_help)
    images_help = "folder of photographs to compare on; default: those that came with FILE, else "
    images_help += "made-up ones"
    parser.add_argument("--images", type=Path, metavar="FOLDER", help=images_help)
    threshold_help = "a saved threshold, for the file's metadata; default: the one in FILE, if any"
    parser.add_argument("--threshold", type=Path, metavar="FILE", help=threshold_help)
    weights_help = "the network's weights, where they are not published ones"
    parser.add_argument("--weights", type=Path, metavar="FILE", help=weights_help)


def main(options: argparse.Namespace) -> None:
    """Write the file, and say how far it is from what adviz computes."""
    from adviz import data
    from adviz.app.onnx_export import export_model, require_installed
    from adviz.evaluation import Threshold

    target = options.to or Path(options.file.with_suffix(SUFFIX).name)
    try:
        require_installed()
        detector, backbone, images, threshold = _loaded(options.file, options.weights)
        if options.images is not None:
            images = data.unlabelled(options.images)
        if options.threshold is not None:
            threshold = Threshold.load(options.threshold)
        exported = export_model(
            detector, target, backbone=backbone, images=images, threshold=threshold
        )
    except (ValueError, TypeError, ModuleNotFoundError) as error:
        raise UsageError(str(error)) from error
    except RuntimeError as error:
        raise Failed(str(error)) from error
    print(f"adviz: wrote {target}, {exported.size / 1e6:.1f} MB")
    print(
        f"On {exported.n_images} images its scores were within {exported.score_difference:.1g} of "
        f"adviz's, its maps within {exported.map_difference:.1g} (relative)."
    )
    height, width = exported.image_size
    assert detector.geometry_ is not None  # noqa: S101 (`export_model` refuses it)
    print(f'Input "images": (N, {height}, {width}, 3) uint8, RGB: N photographs, each')
    print(indented(preparation(detector.geometry_)))
    print(
        indented(
            "This is not in the file: the camera's program must do it, and exactly so, or scores "
            "are others. In Python, with Pillow and without adviz:"
        )
    )
    for line in pillow_lines(detector.geometry_):
        print(f"    {line}")
    print(
        indented(
            "With adviz the last steps, from resize on, are geometry.image(photograph), of a PIL "
            "image that is turned and RGB already, with geometry = "
            "data.Geometry(**json.loads(TEXT)) and TEXT the file's metadata adviz.geometry."
        )
    )
    print('Outputs: "score" (N,), "anomaly_map" (N, H, W)')
    if threshold is not None:
        print(f"Anomalous from score {threshold.value:.5g} on.")


def preparation(geometry: Geometry) -> str:
    """Return in words what becomes of a photograph before a network sees it, without padding.

    Sizes are width x height, as cameras' programs have them.

    Examples
    --------
    >>> from adviz.app.commands.export_model import preparation
    >>> preparation(data.Geometry(224, crop=False))
    'turned as its EXIF orientation says, then resized to 224x224 pixels, whatever its shape ...'
    """
    resized = _width_x_height(geometry.resized)
    if geometry.aspect == "shorter":
        text = f"resized, its shape kept, so that it just covers {resized} pixels"
    else:
        text = f"resized to {resized} pixels, whatever its shape"
    smooth = "" if geometry.interpolation == "nearest" else " and anti-aliased"
    text += f" ({geometry.interpolation}{smooth}, as Pillow does)"
    if geometry.crop:
        text += f", then the middle {_width_x_height(geometry.size)} pixels cut out"
    else:
        text += ", and nothing cut off"
    if geometry.bits not in (None, 8):
        text += (
            f"; values of more than 8 bits are divided by {(2**geometry.bits - 1) / 255:g} first "
            f"({geometry.bits} bits are used)"
        )
    return f"turned as its EXIF orientation says, then {text}"


def pillow_lines(geometry: Geometry) -> list[str]:
    """Return lines of Python that prepare the photograph FILE without adviz, without padding.

    Of photographs of more than 8 bits they read grey ones.

    Examples
    --------
    >>> from adviz.app.commands.export_model import pillow_lines
    >>> pillow_lines(data.Geometry(224, crop=False))[3]
    'photograph = photograph.resize((224, 224), Image.Resampling.BILINEAR)'
    """
    from adviz.data import height_and_width

    lines = ["import numpy as np", "from PIL import Image, ImageOps"]
    opened = "photograph = ImageOps.exif_transpose(Image.open(FILE))"
    if geometry.bits in (None, 8):
        lines.append(f'{opened}.convert("RGB")')
    else:
        lines += [
            opened,
            f"values = np.round(np.asarray(photograph) * (255.0 / {2**geometry.bits - 1}))",
            'photograph = Image.fromarray(values.astype(np.uint8)).convert("RGB")',
        ]
    rows, columns = height_and_width(geometry.resized)
    size = f"({columns}, {rows})"
    if geometry.aspect == "shorter":
        lines += [
            "width, height = photograph.size",
            f"size = ({columns}, int(height * {columns} / width))",
            f"if {rows} * width >= {columns} * height:",
            f"    size = (int(width * {rows} / height), {rows})",
        ]
        size = "size"
    filters = {"area": "BOX"}  # whose name in Pillow is another
    name = filters.get(geometry.interpolation, geometry.interpolation.upper())
    lines.append(f"photograph = photograph.resize({size}, Image.Resampling.{name})")
    if geometry.crop:
        height, width = geometry.shape
        lines += [
            f"left, top = (round((a - b) / 2) for a, b in zip(photograph.size, ({width}, "
            f"{height})))",
            f"photograph = photograph.crop((left, top, left + {width}, top + {height}))",
        ]
    return [*lines, "images = np.asarray(photograph)[None]"]


def _width_x_height(size: int | tuple[int, int]) -> str:
    from adviz.data import height_and_width

    height, width = height_and_width(size)
    return f"{width}x{height}"


def _loaded(
    file: Path, weights: Path | None
) -> tuple[Detector, Backbone, Split | None, Threshold | None]:
    """Return a detector, its network, and what else is in its file."""
    from adviz._support import check_file, kind_of
    from adviz.app import learned as parts
    from adviz.app.load import load
    from adviz.app.onnx_export import backbone_of
    from adviz.detectors import Detector

    check_file(file, "adviz detector")
    if kind_of(file) == parts.KIND:
        learned = parts.Learned.load(file)
        return learned.detector, learned.backbone, learned.pictures, learned.threshold
    detector = load(file)
    if not isinstance(detector, Detector):
        raise ValueError(
            f"expected what `adviz learn` wrote, or a detector, in {file}, got a "
            f"{type(detector).__name__}"
        )
    return detector, backbone_of(detector, weights), None, None
