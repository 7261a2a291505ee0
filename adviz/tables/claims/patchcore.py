"""What PatchCore's paper claims."""

from __future__ import annotations

from functools import partial

from adviz.tables.claims.stated import (
    ALL,
    SHOTS,
    WIDE_MARGIN,
    Claim,
    Computed,
    Number,
    Relation,
    Stated,
    about,
    above,
    at_least,
    below,
    core,
    of,
)

FULL, QUARTER, TENTH, THIN = (f"coreset={share}" for share in ("100%", "25%", "10%", "1%"))
P = "patchcore"
THREE = (QUARTER, TENTH, THIN)
NETWORKS = ("resnet50", "resnet101", "wide_resnet101", "resnext101")
OURS_AGAIN = "reimplementation"


def radius(cloud: str, sampler: str) -> float:
    """Return the covering radius of a sampler on one of Fig. 3's clouds."""
    from adviz.tables.figures.distributions import clouds, radii

    return radii(clouds()[cloud])[sampler]


def _radius(cloud: str, sampler: str) -> Computed:
    return Computed(f"{sampler}, {cloud} points", partial(radius, cloud, sampler))


def _size(side: int, metric: str) -> Number:
    return core(f"{TENTH};image_size={side};neighborhood=3", metric)


def _few(method: str, shots: int, metric: str = "image_auroc") -> Number:
    return (
        core(f"{TENTH};shots={shots}", metric)
        if method == "PatchCore"
        else of(method, f"shots={shots}", metric)
    )


CLAIMS = {
    "order": Claim(
        P, "Section 4.2, Table 1", "PatchCore tells anomalous images apart better than PaDiM and SPADE at every size "
        "of its bank.",
        tuple(one for bank in THREE for one in above(core(bank), of("PaDiM"), of("SPADE"))),
    ),
    "segmentation": Claim(
        P, "Section 4.2, Tables 2 and 3", "It also localises anomalies better than PaDiM, by both metrics.",
        (*above(core(TENTH, "pixel_auroc"), of("PaDiM", metric="pixel_auroc")),
         *above(core(TENTH, "pro"), of("PaDiM", metric="pro"))),
    ),
    "solved": Claim(
        P, "Section 4.2, Appendix B", "A third of the categories is solved perfectly.",
        at_least(core(QUARTER, "solved"), Stated("third"), 0.0),
    ),
    "errors": Claim(
        P, "Appendix B, Fig. S3", "Fewer images are misclassified than by SPADE and PaDiM, at the F1-optimal threshold "
        "and at full recall.",
        tuple(one for metric in ("misclassified", "full_recall")
              for one in below(core(QUARTER, metric), of("SPADE", metric=metric), of("PaDiM", metric=metric))),
    ),
    "faster": Claim(
        P, "Section 4.3, Table 5", "The smaller the bank, the faster.",
        (*below(core(TENTH, "time_s"), core(FULL, "time_s")), *below(core(THIN, "time_s"), core(TENTH, "time_s"))),
    ),
    "rivals' time": Claim(
        P, "Section 4.3, Table 5", "The whole bank takes less time than SPADE, and a bank of 1 % less than PaDiM.",
        (*below(core(FULL, "time_s"), of("SPADE", OURS_AGAIN, "time_s")),
         *below(core(THIN, "time_s"), of("PaDiM", OURS_AGAIN, "time_s"))),
    ),
    "approximate search": Claim(
        P, "Section 4.3, Table 5", "Approximate search in the whole bank saves time and costs detection, and a bank of "
        "1 % is faster still.",
        (*below(core(f"{FULL};search=ivfpq", "time_s"), core(FULL, "time_s")),
         *above(core(FULL), core(f"{FULL};search=ivfpq")),
         *below(core(THIN, "time_s"), core(f"{FULL};search=ivfpq", "time_s"))),
    ),
    "neighbourhood": Claim(
        P, "Section 4.4.1, Fig. 4", "There is an optimum between single cells and a wide context, near p = 3.",
        above(core(TENTH), core(f"{TENTH};neighborhood=1"), core(f"{TENTH};neighborhood=9")),
    ),
    "levels": Claim(
        P, "Section 4.4.1, Fig. 4", "Levels 2 and 3 together detect more than any level alone.",
        above(core(TENTH), *(core(f"{TENTH};layers={level}") for level in "123")),
    ),
    "samplers": Claim(
        P, "Section 4.4.2, Fig. 5", "A greedy coreset is better than random patches and than learned proxies.",
        tuple(one for share in ("1%", "0.1%") for metric in ALL[:2] for sampler in ("random", "proxies")
              for one in above(core(f"coreset={share}", metric), core(f"coreset={share};sampler={sampler}", metric))),
    ),
    "covering": Claim(
        P, "Section 3.2, Fig. 3", "A greedy coreset covers the points better than random ones, whether they lie in "
        "clusters or evenly.",
        tuple(Relation(_radius(cloud, "greedy coreset"), "below", _radius(cloud, "random"))
              for cloud in ("multimodal", "uniform")),
    ),
    "one percent": Claim(
        P, "Section 4.4.2, Table 5", "A bank of 1 % is about as good as the whole one.",
        tuple(one for metric in ALL for one in about(core(THIN, metric), core(FULL, metric))),
    ),
    "better than all": Claim(
        P, "Section 4.4.2, Fig. 5", "Between half and a tenth of the patches, results are sometimes even better than "
        "with all of them.",
        tuple(one for share in ("50%", "25%", "10%") for metric in ALL
              for one in above(core(f"coreset={share}", metric), core(FULL, metric))),
        any=True,
    ),
    "bank": Claim(
        P, "Section 4.4.2", "Few patches of the whole bank are ever the nearest one of a test patch, and almost all "
        "of a bank of 1 %.",
        (*below(core(FULL, "bank_used"), Stated("whole")), *above(core(THIN, "bank_used"), core(FULL, "bank_used")),
         *about(core(THIN, "bank_used"), Stated("thin"), WIDE_MARGIN)),
    ),
    "strides": Claim(
        P, "Section 4.4.2", "To make the bank smaller by larger strides costs detection.",
        (*above(core(FULL), core("stride=2")), *above(core("stride=2"), core("stride=3"))),
    ),
    "few shots": Claim(
        P, "Section 4.5, Table S5", "With few training images it detects more than SPADE and PaDiM, however few.",
        tuple(one for shots in SHOTS
              for one in above(_few("PatchCore", shots), _few("SPADE", shots), _few("PaDiM", shots))),
    ),
    "a fifth": Claim(
        P, "Section 4.5", "With a fifth of the training images it is as good as the best before it, PaDiM, with all.",
        (*at_least(_few("PatchCore", 50), of("PaDiM")),
         *at_least(_few("PatchCore", 50, "pixel_auroc"), of("PaDiM", metric="pixel_auroc"))),
    ),
    # which of SPADE's results the text means it does not say: here those with all training images
    "one shot": Claim(
        P, "Section 4.5", "One training image is enough to detect, and five to localise, as well as SPADE does "
        "with all.",
        (*at_least(_few("PatchCore", 1), of("SPADE")),
         *at_least(_few("PatchCore", 5, "pixel_auroc"), of("SPADE", metric="pixel_auroc"))),
    ),
    "sixteen shots": Claim(
        P, "Section 4.5, Table S5", "With 16 training images it detects more than DifferNet.",
        above(_few("PatchCore", 16), of("DifferNet", "shots=16")),
    ),
    "backbones": Claim(
        P, "Appendix C.2, Table S6", "Results hardly depend on which pretrained network is used.",
        tuple(one for network in NETWORKS for one in about(
            core(f"{TENTH};backbone={network}"), core(f"{TENTH};backbone=wide_resnet50"))),
    ),
    "pretraining": Claim(
        P, "Section 5 (limits)", "How well it works depends on what the pretrained features hold: a network that was "
        "never trained is worse.",
        tuple(one for metric in ALL for one in above(
            core(f"{TENTH};backbone=wide_resnet50", metric),
            core(f"{TENTH};backbone=wide_resnet50;weights=random", metric))),
    ),
    "resolution": Claim(
        P, "Appendix C.3, Fig. S4", "With larger images detection saturates, while segmentation goes on rising.",
        (*about(_size(448, "image_auroc"), _size(360, "image_auroc")),
         *(one for metric in ALL[1:] for sides in ((360, 288), (448, 360))
           for one in above(_size(sides[0], metric), _size(sides[1], metric)))),
    ),
}  # fmt: skip
