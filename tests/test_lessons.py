"""Each category of the built-in data set teaches its lesson (docs/built-in-data.md), and none is
too hard for PatchCore.

Pictures, formulations and margins were settled on other seeds and committed before SEEDS were
looked at. A margin is at most half the smallest gap on those, which the comments give: no
platform's rounding decides, nor does a seed's luck, and it is still a difference that a lecture can
show.
"""

from functools import cache, cached_property
from pathlib import Path

import numpy as np
import pytest

from adviz import DN2, SPADE, Backbone, PaDiM, PatchCore, data, evaluate, metrics
from adviz.data.builtin import CATEGORIES, capsule
from adviz.data.builtin.picture import Shot

# Never looked at while drawing. Seeds 3 to 7 were and, since a first version of brick and mesh
# failed on one each of them, 101 to 105; the quickstart has seed 0. On these five brick's lesson
# about PaDiM failed, which was then given up.
SEEDS = (201, 202, 203, 204, 205)
# Which are read; (8, 16) elsewhere
STRIDES = {"brick": (8, 16, 32), "transistor": (4, 8, 16), "mesh": (8, 16, 32)}

# Every seed was held when a lesson was made; one is enough to see it break, the others wait for
# `make soak`.
RARER = [pytest.param(seed, marks=pytest.mark.soak) for seed in SEEDS[1:]]
each_seed = pytest.mark.parametrize("seed", [*SEEDS[:1], *RARER], ids="seed-{}".format)


class Shown:
    """A category and its features, on which detectors are tried."""

    def __init__(self, name, seed):
        category = data.demo(name, seed=seed)
        backbone = Backbone("efficientnet_lite0", layers=STRIDES.get(name, (8, 16)))
        self.train, self.test = backbone.extract(category.train), backbone.extract(category.test)
        self.split, self.seed = category.test, seed
        self.truth, self.defects = category.test.labels == 1, np.array(category.test.defects)

    @cached_property
    def patchcore(self):
        """The scores that the reference gives, a greedy bank of 1 % of the patches."""
        return self.predict(PatchCore(coreset=0.01)).score

    def predict(self, detector, images=None):
        return detector.fit(self.train).predict(self.test.select(images=images))

    def image_auroc(self, detector):
        return metrics.auroc(self.predict(detector).score, self.truth)

    def evaluate(self, detector, images=None):
        return evaluate(
            self.predict(detector, images),
            self.split if images is None else self.split.subset(images),
        )


def by_image(shown):
    """Return the image AUROC of matching images as a whole."""
    return {"DN2": shown.image_auroc(DN2())}


def by_place(shown):
    """Return the image AUROC of matching by position."""
    return {"PaDiM": shown.image_auroc(PaDiM(layers=(8, 16)))}


def by_depth(shown):
    """Return the pixel AUROC on good and misplaced parts of single layers, with banks of the same
    501 rows.
    """
    images = np.flatnonzero(np.isin(shown.defects, ["good", "misplaced"]))
    shares = {"stride 4": (4, 0.0025), "stride 16": (16, 0.04)}
    detectors = {
        name: PatchCore(layers=(stride,), coreset=share) for name, (stride, share) in shares.items()
    }
    return {
        name: shown.evaluate(detector, images).pixel_auroc for name, detector in detectors.items()
    }


def by_sampler(shown):
    """Return the image AUROC of defects against good images of the rare variant; random: the mean
    of three banks.
    """
    index = [int(Path(name).stem) for name in shown.test.ids]
    rare = [
        capsule.variant(Shot("capsule", "test/good", i, shown.seed)) == capsule.RARE for i in index
    ]
    images = shown.truth | (np.array(rare) & (shown.defects == "good"))
    banks = [PatchCore(coreset=0.01, sampler="random", seed=seed) for seed in range(3)]
    drawn = [
        metrics.auroc(shown.predict(bank, images).score, shown.truth[images]) for bank in banks
    ]
    return {
        "greedy": metrics.auroc(shown.patchcore[images], shown.truth[images]),
        "random": np.mean(drawn),
    }


def by_gallery(shown):
    """Return the PRO of SPADE with each test image's 3 nearest normal images, and with 3 drawn at
    random.
    """
    galleries = {
        name: SPADE(layers=(8, 16), k_images=3, gallery=name) for name in ("retrieved", "random")
    }
    return {name: shown.evaluate(detector).pro for name, detector in galleries.items()}


def by_metric(shown):
    """Return pixel AP and PRO of a detector of large things and of one of small things."""
    large, small = (
        shown.evaluate(PatchCore(layers=(16,), coreset=0.1)),
        shown.evaluate(PaDiM(layers=(8, 16))),
    )
    return {
        "AP large": large.pixel_ap,
        "AP small": small.pixel_ap,
        "PRO large": large.pro,
        "PRO small": small.pro,
    }


STUDIES = {
    "brick": by_image,
    "hex_nut": by_place,
    "transistor": by_depth,
    "capsule": by_sampler,
    "mesh": by_gallery,
    "bottle": by_metric,
}


@cache
def figures(name, seed):
    """Return the figures of a category, PatchCore's image AUROC among them; its features are
    dropped after that.
    """
    shown = Shown(name, seed)
    found = {"PatchCore": metrics.auroc(shown.patchcore, shown.truth), **STUDIES[name](shown)}
    return {label: round(float(value), 4) for label, value in found.items()}


@each_seed
def test_brick_matching_whole_images_loses_to_matching_patches(seed):
    found = figures("brick", seed)
    # Gaps .18 to .31; PaDiM's are no lesson, see the page
    assert found["PatchCore"] - found["DN2"] >= 0.09, found


@each_seed
def test_hex_nut_matching_by_position_loses_to_matching_patches(seed):
    found = figures("hex_nut", seed)
    assert found["PatchCore"] - found["PaDiM"] >= 0.05, found  # gaps .106 to .346


@each_seed
def test_transistor_a_deep_layer_localises_misplaced_parts_better_than_a_shallow_one(seed):
    found = figures("transistor", seed)
    assert found["stride 16"] - found["stride 4"] >= 0.04, found  # gaps .094 to .131


@each_seed
def test_capsule_a_random_bank_takes_the_rare_variant_for_defects_more_than_a_greedy_one(seed):
    found = figures("capsule", seed)
    assert found["greedy"] - found["random"] >= 0.10, found  # gaps .207 to .554


@each_seed
def test_mesh_retrieved_normals_beat_random_ones(seed):
    found = figures("mesh", seed)
    assert found["retrieved"] - found["random"] >= 0.06, found  # gaps .130 to .209


@each_seed
def test_bottle_pixel_ap_and_pro_rank_two_detectors_differently(seed):
    found = figures("bottle", seed)
    assert found["AP large"] - found["AP small"] >= 0.05, found  # gaps .113 to .180
    assert found["PRO small"] - found["PRO large"] >= 0.012, found  # gaps .024 to .038


@each_seed
def test_patchcore_detects_the_defects_of_five_of_six_categories(seed):
    found = {name: figures(name, seed)["PatchCore"] for name in CATEGORIES}
    # The development seeds: all six, from .967 up
    assert sum(auroc >= 0.95 for auroc in found.values()) >= 5, found
