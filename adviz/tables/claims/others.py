"""What the papers of SPADE and of reverse distillation claim."""

from __future__ import annotations

from adviz.tables.claims.stated import ALL, Claim, Number, above, below, of

NETWORK = "backbone=wide_resnet50"
KNN, RANDOM = "stage1=knn10", "stage1=random10"


def _spade(variant: str, category: str = "average") -> Number:
    return Number("SPADE", variant, "pro", category)


def _ours(variant: str, metric: str = "image_auroc") -> Number:
    return of("RD4AD", variant, metric)


def _transistor(variant: str) -> Number:
    return Number("RD4AD", variant, "pixel_auroc", "transistor")


SPADE_CLAIMS = {
    "pyramid": Claim(
        "spade", "Section 4.3, Table 6", "All layers together localise better than any of them alone.",
        above(_spade("layers=1+2+3"), *(_spade(f"layers={layer}") for layer in "123")),
    ),
    "too fine": Claim(
        "spade", "Section 4.3, Table 6", "The finest layer alone lacks context: it is the worst.",
        below(_spade("layers=1"), _spade("layers=2"), _spade("layers=3")),
    ),
    "retrieval": Claim(
        "spade", "Section 4.3, Table 7", "Ten images retrieved by the first stage are a better gallery than ten random "
        "ones.",
        above(_spade(KNN), _spade(RANDOM)),
    ),
    "grid": Claim(
        "spade", "Section 4.3, Table 7", "That is so for grid above all, whose images differ much from each other.",
        above(_spade(KNN, "grid"), _spade(RANDOM, "grid")),
    ),
}  # fmt: skip
DISTILLATION_CLAIMS = {
    "bottleneck": Claim(
        "rd", "Section 4.3, Table 5", "A bottleneck that is trained beats the teacher's own next stage, and fusing all "
        "layers into it beats it again.",
        tuple(one for metric in ALL for pair in (("pre+oce", "pre"), ("pre+oce+mff", "pre+oce"))
              for one in above(*(_ours(f"bottleneck={name}", metric) for name in pair))),
    ),
    "scales": Claim(
        "rd", "Section 4.3, Table 7", "Of single maps the middle one is best, and all three together are better still.",
        (*above(_ours("maps=M2"), _ours("maps=M1"), _ours("maps=M3")),
         *(one for metric in ALL for one in above(_ours("maps=M1+M2+M3", metric), _ours("maps=M2", metric)))),
    ),
    "depth": Claim(
        "rd", "Section 4.3, Table 6", "Deeper and wider teachers are better.",
        (*above(_ours("backbone=resnet50"), _ours("backbone=resnet18")),
         *above(_ours(NETWORK), _ours("backbone=resnet50"))),
    ),
    "cost": Claim(
        "rd", "Section 4.1, Table 3", "It is faster than SPADE and PaDiM and keeps less in memory.",
        tuple(one for metric in ("time_s", "memory_mb")
              for one in below(_ours(NETWORK, metric), of("SPADE", NETWORK, metric), of("PaDiM", NETWORK, metric))),
    ),
    "detection": Claim(
        "rd", "Section 4.1, Tables 1 to 3", "It detects and localises better than SPADE and PaDiM.",
        tuple(one for metric in ALL
              for one in above(_ours(NETWORK, metric), of("SPADE", NETWORK, metric), of("PaDiM", NETWORK, metric))),
    ),
    "transistor": Claim(
        "rd", "Section 4.1 (limits)", "Misplaced transistors are localised better by the third layer alone, and better "
        "in small images.",
        (*above(_transistor("maps=M3"), _transistor("maps=M2+M3")),
         *above(_transistor("image_size=128"), _transistor("image_size=256"))),
    ),
}  # fmt: skip
