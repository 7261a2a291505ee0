"""The classification data sets of `adviz.data.novelty`: folders, addresses, checksums, classes."""

from __future__ import annotations

from dataclasses import dataclass

FASHION = "T-shirt/top, Trouser, Pullover, Dress, Coat, Sandal, Shirt, Sneaker, Bag, Ankle boot"
FLOWERS = """
pink primrose, hard-leaved pocket orchid, canterbury bells, sweet pea, english marigold, tiger lily,
moon orchid, bird of paradise, monkshood, globe thistle, snapdragon, colt's foot, king protea, spear
thistle, yellow iris, globe-flower, purple coneflower, peruvian lily, balloon flower, giant white
arum lily, fire lily, pincushion flower, fritillary, red ginger, grape hyacinth, corn poppy, prince
of wales feathers, stemless gentian, artichoke, sweet william, carnation, garden phlox, love in the
mist, mexican aster, alpine sea holly, ruby-lipped cattleya, cape flower, great masterwort, siam
tulip, lenten rose, barbeton daisy, daffodil, sword lily, poinsettia, bolero deep blue, wallflower,
marigold, buttercup, oxeye daisy, common dandelion, petunia, wild pansy, primula, sunflower,
pelargonium, bishop of llandaff, gaura, geranium, orange dahlia, pink-yellow dahlia?, cautleya
spicata, japanese anemone, black-eyed susan, silverbush, californian poppy, osteospermum, spring
crocus, bearded iris, windflower, tree poppy, gazania, azalea, water lily, rose, thorn apple,
morning glory, passion flower, lotus, toad lily, anthurium, frangipani, clematis, hibiscus,
columbine, desert-rose, tree mallow, magnolia, cyclamen, watercress, canna lily, hippeastrum, bee
balm, ball moss, foxglove, bougainvillea, camellia, mallow, mexican petunia, bromelia, blanket
flower, trumpet creeper, blackberry lily
"""
OBJECTS = "airplane, automobile, bird, cat, deer, dog, frog, horse, ship, truck"


@dataclass(frozen=True)
class Source:
    """Where a data set lies on disk, and where it can be downloaded.

    Attributes
    ----------
    folders: below a root; torchvision's first, where a download goes, Debian's last.
    needs: what such a folder holds, in words.
    marker: a name that only such a folder holds; of a download what comes last, or the rest would
        not be fetched.
    address: where the files are.
    files: below the address, with their MD5 checksums.
    classes: their names; none = the names are on disk.
    also: one more way to get it.
    holds: the folder inside an archive that goes into `folders[0]`; "" = the archive holds that
        folder itself.
    """

    folders: tuple[str, ...]
    needs: str
    marker: str
    address: str
    files: tuple[tuple[str, str], ...]
    classes: tuple[str, ...] = ()
    also: str = ""
    holds: str = ""


def _names(text: str) -> tuple[str, ...]:
    """Return the names of a text that are divided by commas."""
    return tuple(" ".join(text.split()).split(", "))


_IDX_FILES = (
    "the four files train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-... and "
    "t10k-labels-..., .gz or not"
)
SOURCES = {
    "mnist": Source(
        ("MNIST/raw", "mnist"),
        _IDX_FILES,
        "train-images?idx3-ubyte*",
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        (
            ("t10k-labels-idx1-ubyte.gz", "ec29112dd5afa0611ce80d1b7f02629c"),
            ("t10k-images-idx3-ubyte.gz", "9fb629c4189551a2d022fa330f9573f3"),
            ("train-labels-idx1-ubyte.gz", "d53e105ee54ea40749a09fcbcd1e9432"),
            ("train-images-idx3-ubyte.gz", "f68b3c2dcbeaaa9fbdd348bbdeb94873"),
        ),
        tuple("0123456789"),
    ),
    "fashion_mnist": Source(
        ("FashionMNIST/raw", "fashion_mnist", "fashion-mnist"),
        _IDX_FILES,
        "train-images?idx3-ubyte*",
        # No https; the checksums decide
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        (
            ("t10k-labels-idx1-ubyte.gz", "bb300cfdad3c16e7a12a480ee83cd310"),
            ("t10k-images-idx3-ubyte.gz", "bef4ecab320f06d8554ea6380940ec79"),
            ("train-labels-idx1-ubyte.gz", "25c81989df183df01b3e8a0aad5dffbe"),
            ("train-images-idx3-ubyte.gz", "8d4fb7e6c68d591d4c3dfef9ec88bf0d"),
        ),
        _names(FASHION),
        "install Debian's package dataset-fashion-mnist",
    ),
    "cifar10": Source(
        ("cifar-10-batches-bin",),
        "the binary version: data_batch_1.bin to data_batch_5.bin and test_batch.bin",
        "*_batch*.bin",
        "https://www.cs.toronto.edu/~kriz/",
        (("cifar-10-binary.tar.gz", "c32a1d4ab5d03f1284b67883e8d87530"),),
        _names(OBJECTS),
        "note that torchvision's cifar-10-batches-py holds Python pickles, which can run code and "
        "are not opened",
    ),
    "caltech256": Source(
        ("caltech256/256_ObjectCategories", "256_ObjectCategories"),
        "a folder of JPEG images for every class, 001.ak47 to 257.clutter",
        "[0-9][0-9][0-9].*",
        "https://data.caltech.edu/records/nyy15-4j048/files/",
        (("256_ObjectCategories.tar", "67b4f42ca05d46448c6bb8ecd2220f6d"),),
    ),
    "cub200": Source(
        ("CUB_200_2011", "cub200"),
        "images/, images.txt, classes.txt, image_class_labels.txt and train_test_split.txt",
        "train_test_split.txt",
        "https://data.caltech.edu/records/65de6-vp158/files/",
        (("CUB_200_2011.tgz", "97eceeb196236b17998738112f37df78"),),
    ),
    "flowers102": Source(
        ("flowers-102", "flowers102"),
        "jpg/, imagelabels.mat and setid.mat",
        "jpg",
        "https://www.robots.ox.ac.uk/~vgg/data/flowers/102/",
        (
            ("imagelabels.mat", "e0620be6f572b9609742df49c70aed4d"),
            ("setid.mat", "a5357ecc9cb78c4bef273ce3793fc85c"),
            ("102flowers.tgz", "52808999861908f626f3c1f4e79d11fa"),
        ),
        _names(FLOWERS),
        "or by torchvision.datasets.Flowers102 with download=True",
        "jpg",
    ),
}
