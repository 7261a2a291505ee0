"""What the notebooks' sentences say about the tables above them, as expressions over the stored
outputs.

A claim is the words of a sentence, with `#` for each number, and whether they are true: a function
of those numbers and of the notebook's outputs. `row("mesh", "DN2")` is the list of numbers that
stand behind the first DN2 after the first mesh, in its line (`-` and `NaN` are nan, spreads
behind ± are left out: `row.spreads` has these); `row.text` is the whole text.

OTHER are the words of sentences whose numbers are not about outputs: definitions, settings, what a
paper says.
"""

import re
from pathlib import Path

import pandas as pd

REPOSITORY = Path(__file__).parents[1]
PAGE = (REPOSITORY / "docs" / "reverse-distillation.md").read_text(encoding="utf-8")
REFERENCE = REPOSITORY / "adviz" / "tables" / "reference"


def page_row(title):
    """Return the numbers of a table row of docs/reverse-distillation.md."""
    (line, *_) = (line for line in PAGE.splitlines() if line.startswith(f"| {title} |"))
    cells = line.removeprefix(f"| {title} |").replace("|", " ").replace("*", " ").split()
    return [float(cell) for cell in cells if re.fullmatch(r"\d*\.?\d+", cell)]


def one_layer_dn2():
    """Return the mean AUROC of DN2 of the deepest layer alone, in the results that come with adviz."""
    own = pd.read_csv(REFERENCE / "own_fashion_mnist.csv")
    chosen = (own["method"] == "DN2") & own["variant"].str.contains("layers=32;", regex=False)
    return own["value"][chosen].mean()


def about(said, values, within=0.006):
    """Tell whether rounded numbers are those of a table with more digits."""
    return all(abs(one - other) <= within for one, other in zip(said, values, strict=True))


# What one pair of a good and an anomalous image is worth in notebook 10, in points of image AUROC
BRICK_PAIR = 100 / (10 * 15)
NUT_PAIR = 100 / (10 * 13)
THIRD = 46 // 3  # of the images of notebook 09
PROS = ("PRO-global", "PRO-global-200", "PRO-per-image")
LIMITS = ("0.3", "0.05")


def values(row):
    """Return the PRO of notebook 10 by all definitions, limits and mask rules."""
    return [value for name in PROS for limit in LIMITS for value in row(f"{name}@{limit}")]


def span(numbers):
    """Return how far numbers are apart."""
    return max(numbers) - min(numbers)


def wrong(row, column):
    """Return how many images of a third each method of notebook 09 is wrong on."""
    methods = ("DN2", "SPADE", "PaDiM", "PatchCore")
    return [round(THIRD * (1 - row("third", name)[column])) for name in methods]


def lost(row, whose):
    """Return the points from image AUROC to PRO of each row of notebook 06's last table."""
    detected = row(f"{whose}: image_auroc")
    located = row(f"{whose}: pro")
    return [one - other for one, other in zip(detected, located, strict=True)]


def interval(row, side):
    """Return the interval of a claim's difference to what stands behind these words."""
    found = re.search(rf"{re.escape(side)} [\d.]+ \((\S+) to (\S+)\)", row.text)
    return float(found[1]), float(found[2])


CLAIMS = {
    "01_quickstart": {
        "each of its 28 x 28 locations by # numbers, `layer4` each of its 7 x 7 locations by #": lambda said, row: (
            f"layer2: {said[0]:.0f}x28x28" in row.text and f"layer4: {said[1]:.0f}x7x7" in row.text
        ),
        "image AUROC # on the mesh, a coin, where PatchCore has #": lambda said, row: (
            said == [row("mesh", "DN2")[0], row("mesh", "PatchCore")[0]]
            and abs(said[0] - 0.5) < 0.06
        ),
        "(# on the transistor) and fail where they turn (# on the nut)": lambda said, row: (
            said == [row("transistor", "PaDiM")[0], row("hex_nut", "PaDiM")[0]]
            and said[0] > said[1] + 0.2
        ),
        "on the transistor SPADE's PRO (#) is above that of PaDiM (#) and of PatchCore (#)": lambda said, row: (
            said == [row("transistor", name)[2] for name in ("SPADE", "PaDiM", "PatchCore")]
            and said[0] > max(said[1:])
        ),
        "misses three of the defects": lambda said, row: row("transistor", "SPADE")[4] == 3,
        "on the mesh, set *show* to *missed*: which defect does": lambda said, row: (
            row("mesh", "PatchCore")[4] == 1
        ),
        "it predicts every good mesh anomalous": lambda said, row: row("mesh", "DN2")[3] == 20,
        "On the bottle neither errs": lambda said, row: (
            row("bottle", "PatchCore")[3:5] == row("bottle", "DN2")[3:5] == [0, 0]
        ),
    },
    "02_spade_retrieval": {
        "subtraction is hardly better than tossing a coin": lambda said, row: (
            row("subtract the nearest image")[0] < 0.6
            and row("subtract the nearest image")[1] < 0.25 * row("pixel AUROC", "SPADE")[1]
        ),
        "on the mesh the score is no better than tossing a coin, whatever $K$": lambda said, row: (
            max(row("image AUROC for every K:", "mesh")) < 0.6
        ),
        "On the capsule a small $K$ is far better": lambda said, row: (
            row("image AUROC for every K:", "capsule")[0]
            > max(row("image AUROC for every K:", "capsule")[2:]) + 0.05
        ),
        "three retrieved images (#) do more than ten random ones (#)": lambda said, row: (
            said == [row("retrieved")[2], row("random")[4]] and said[0] > said[1]
        ),
        "*one* retrieved image beats three random ones": lambda said, row: (
            row("retrieved")[0] > row("random")[2]
        ),
        "PRO still rises up to *everywhere*": lambda said, row: (
            row("everywhere")[1] > row("4 locations")[1]
        ),
        "PRO # on the mesh": lambda said, row: said == [row("subtract the nearest image")[1]],
        "does not need one: # with ten images": lambda said, row: (
            said == [row("pixel AUROC", "SPADE")[1]]
        ),
        "Three retrieved images (PRO #) do more than ten random ones (#)": lambda said, row: (
            said == [row("retrieved")[2], row("random")[4]] and said[0] > said[1]
        ),
        "(capsule: # with $K = 1$, # with 10)": lambda said, row: (
            said == [row("image AUROC for every K:", "capsule")[i] for i in (0, 3)]
        ),
        "PRO falls to #; one location of freedom gives #, four give #": lambda said, row: (
            said
            == [row("window", name)[1] for name in ("same location", "1 location", "4 locations")]
        ),
    },
    "03_patchcore_coreset": {
        "The greedy bank is as good as that of 10 %": lambda said, row: (
            row("entries", "radius greedy", "1 %")[3]
            >= row("entries", "radius greedy", "10 %")[3] - 0.015
        ),
        "a difference of # is # of the # pairs of a good and an anomalous image": lambda said, row: (
            "8 crack, 7 dent, 24 good, 7 poke, 7 print" in row.text
            and said == [0.01, round(0.01 * said[2]), 24 * (8 + 7 + 7 + 7)]
        ),
        "with # entries the random bank does not reach (#) what the greedy one does with # (#)": (
            lambda said, row: (
                said[:2] == row("radius greedy", "10 %")[::4]
                and said[2:] == row("radius greedy", "0.3 %")[:4:3]
                and said[1] < said[3]
            )
        ),
        "with # % it is # on these # images, and cannot rise; on all images it is #, and with # % it is #": (
            lambda said, row: (
                said[:3] == [1, row("at most", "1 %")[1], len(range(0, 8 + 7 + 24 + 7 + 7, 5))]
                and said[1] == 1
                and said[3:]
                == [row("radius greedy", "1 %")[3], 10, row("radius greedy", "10 %")[3]]
            )
        ),
        "no training patch, however rare it is, is farther than # from the greedy bank": lambda said, row: (
            said == row("radius greedy", "1 %")[1:2]
        ),
        "its first # patches are the coreset of 1 %": lambda said, row: (
            said == [row("radius greedy", "1 %")[0]]
        ),
        "# % of at most # % is nearly all": lambda said, row: (
            said == [row("at most", "100 %")[2], row("100 %")[0]]
        ),
        "of a *random* bank even more is used": lambda said, row: all(
            row("at most", share)[4] > row("at most", share)[2] for share in ("10 %", "1 %")
        ),
        "compared with all of it: # entries from # images": lambda said, row: (
            f"{said[0]:.0f} entries of" in row.text
            and f"each of {said[1]:.0f} training images" in row.text
        ),
        "with # entries its covering radius is #, that of as many random entries #": lambda said, row: (
            said == row("radius greedy", "1 %")[:3]
        ),
        "bank of 1 % reaches an AUROC of #, three random ones # to #": lambda said, row: (
            said
            == [
                row("used random", "greedy")[0],
                min(row("used random", "random")),
                max(row("used random", "random")),
            ]
            and said[0] > said[2] + 0.1
        ),
        "the median good patch is # away from the greedy bank and # from the random one; but the farthest # and #": (
            lambda said, row: (
                said == [*row("seconds an image", "median"), *row("farthest")]
                and said[0] > said[1]
                and said[2] < said[3]
            )
        ),
        "scores suffer in either case: see 0.1 %": lambda said, row: all(
            row("radius greedy", "0.1 %")[column] < row("radius greedy", "10 %")[column] - 0.03
            for column in (3, 4)
        ),
    },
    "04_reverse_distillation": {
        "Without a trained bottleneck the student repeats its teacher less well": lambda said, row: (
            row("pre")[0] > row("oce+mff")[0]
        ),
        "the coarsest map alone is the *worst* of the three": lambda said, row: (
            row("M1 + M2 + M3", "M2 + M3", "M3")
            < min(row("M1 + M2 + M3"), row("M1 + M2 + M3", "M2 + M3"))
        ),
        "all of these are below the # of 128 px": lambda said, row: about(
            said, row("M1 + M2 + M3"), 0.0005
        ),
        "a code of 1 in # numbers": lambda said, row: f"1 of {said[0]:.0f}" in row.text,
        "image AUROC about # after six epochs": lambda said, row: about(
            said, [row("oce+mff")[1]], 0.02
        ),
        "skip paths make the task easier (about # against #)": lambda said, row: (
            about(said, [row("skip paths")[0], row("oce+mff")[0]], 0.02) and said[0] < said[1]
        ),
        "tell the student about the defect (image AUROC about #)": lambda said, row: about(
            said, [row("skip paths")[1]], 0.03
        ),
        "finds less of the defects here (about #)": lambda said, row: about(
            said, [row("forward")[1]], 0.03
        ),
        "it shows in the PRO, in how well defects are *located*, in the paper's order": lambda said, row: (
            page_row('`bottleneck="pre"`')[-1]
            < page_row('`bottleneck="oce"`')[-1]
            < page_row('`cpu`: `bottleneck="oce+mff"`')[-1]
            and row("bottleneck=pre") < row("bottleneck=pre+oce") < row("bottleneck=pre+oce+mff")
        ),
        "the order is the paper's, and all of these are below": lambda said, row: (
            page_row("all")[3] < page_row("layers 2 and 3")[3] < page_row("layer 3 alone")[3] < 0.98
            and row("maps=M2+M3") < row("maps=M3")
        ),
        "after six epochs and from one seed (image AUROC about # and #)": lambda said, row: about(
            said, [row("oce+mff")[1], row("pre")[1]], 0.02
        ),
        "it shows in where the defects are found, not in whether": lambda said, row: (
            page_row('`bottleneck="pre"`')[-1]
            < page_row('`cpu`: `bottleneck="oce+mff"`')[-1] - 0.05
            and page_row('`bottleneck="pre"`')[-3] == page_row('`cpu`: `bottleneck="oce+mff"`')[-3]
        ),
        "it has an eighth of the others' trained numbers": lambda said, row: (
            0.11 < row("forward")[4] / row("oce+mff")[4] < 0.14
        ),
    },
    "05_one_class": {
        "Here more layers find no more": lambda said, row: (
            max(row("RD, 2 of 3 layers")[1], row("RD, 3 of 3 layers")[1])
            < row("RD, 1 of 3 layers")[1] + 1.5
        ),
        "trousers are easy for both": lambda said, row: min(row("Trouser")) > 99,
        "in the full run with the same teacher (# and #)": lambda said, row: (
            said == row("mean of ten")[2:]
        ),
        "DN2 of this layer alone has #": lambda said, row: (
            about(said, [one_layer_dn2()], 0.05) and abs(said[0] - row("mean of ten")[3]) < 0.2
        ),
        "about a point (# against #), where each class": lambda said, row: (
            said == row("mean of ten")[1::-1] and abs(said[0] - said[1] - 1) < 0.5
        ),
        "on shirts two or three layers found no more than one": lambda said, row: (
            max(row("RD, 2 of 3 layers")[1], row("RD, 3 of 3 layers")[1])
            <= row("RD, 1 of 3 layers")[1]
        ),
        "Both find shirts the hardest (# and #)": lambda said, row: (
            said == row("Shirt")[2:]
            and all(
                row("Shirt")[i] < row(name)[i]
                for i in (2, 3)
                for name in ("Coat", "Dress", "Pullover")
            )
        ),
        "coats, T-shirts and pullovers pass for them": lambda said, row: (
            max(row("MKD", name)[0] for name in ("Coat", "T-shirt/top", "Pullover"))
            < row("MKD", "Dress")[0]
        ),
    },
    "06_layers": {
        "the first two layers are worse than a coin": lambda said, row: (
            max(row("missing")[:2]) < 0.5 and row("missing")[2] > 0.9
        ),
        "On the scratch and the dent of the nut the two fine layers are a little better (# against # and #)": (
            lambda said, row: (
                said[1:] == [row("hex_nut", "scratch")[2], row("hex_nut", "dent")[2]]
                and row("hex_nut", "scratch")[:2] == row("hex_nut", "dent")[:2] == 2 * said[:1]
                and said[0] > max(said[1:])
            )
        ),
        "on its chip the finest is the worst (#)": lambda said, row: (
            said == row("hex_nut chip")[:1] and said[0] < min(row("hex_nut chip")[1:])
        ),
        "on the paper's transistors and on ours the PRO rises from layer to layer, and the deepest alone is as good as "
        "all three or better. In the paper's mean over # categories it is not so": lambda said, row: (
            said == [15]
            and all(
                row("layers=1")[i] < row("layers=2")[i] < row("layers=3")[i]
                and row("layers=3")[i] > row("layers=1+2+3")[i] - 1
                for i in (1, 2)
            )
            and max(row(f"layers={one}")[0] for one in (1, 2, 3)) < row("layers=1+2+3")[0]
        ),
        "as printed, all three maps together detect best (image AUROC) and locate best (PRO)": lambda said, row: (
            all(
                max(row(f"{whose}: {metric}")) == row(f"{whose}: {metric}")[4]
                for whose in ("printed", "ours")
                for metric in ("image_auroc", "pro")
            )
        ),
        "on transistors SPADE's deepest layer is as good as all three, there and here": lambda said, row: (
            all(row("layers=3")[i] > row("layers=1+2+3")[i] - 1 for i in (1, 2))
        ),
        "three maps together beat each of them alone": lambda said, row: all(
            row(f"{whose}: {metric}")[4] > max(row(f"{whose}: {metric}")[:3])
            for whose in ("printed", "ours")
            for metric in ("image_auroc", "pro")
        ),
        "the coarsest alone loses most from the one to the other (# and # as printed, about # and # here)": (
            lambda said, row: (
                said[:2] == [row(f"printed: {metric}")[2] for metric in ("image_auroc", "pro")]
                and about(
                    said[2:], [row(f"ours: {metric}")[2] for metric in ("image_auroc", "pro")], 1
                )
                and all(
                    max(losses) == losses[2] for losses in (lost(row, "printed"), lost(row, "ours"))
                )
            )
        ),
        "That a single *fine* map detects better than the middle one is ours": lambda said, row: (
            row("ours: image_auroc")[0] > row("ours: image_auroc")[1]
            and row("printed: image_auroc")[0] < row("printed: image_auroc")[1]
        ),
        "layer3 alone is as good as all three": lambda said, row: (
            row("PRO-global", "layer3")[0] >= row("PRO-global", "all three")[0] - 0.005
        ),
        "On the nut all three together are the best by every number": lambda said, row: all(
            row("PRO-global", "hex_nut", "all three")[i] > row("PRO-global", "hex_nut", name)[i]
            for i in (0, 1)
            for name in ("layer1", "layer2", "layer3", "layer2 + layer3")
        ),
        "pixel AUROC # and # for the two fine layers, # for layer3": lambda said, row: (
            said == row("missing")
        ),
        "A scratch: #, # and #": lambda said, row: said == row("scratch"),
        "layer3 alone has a pixel AUROC of #, as all three have, but a PRO of # where they have #": lambda said, row: (
            said == [*row("PRO-global", "layer3"), row("PRO-global", "all three")[1]]
            and row("PRO-global", "all three")[0] == said[0]
        ),
    },
    "07_padim_and_position": {
        "On the transistor, which lies still, PaDiM is as good as PatchCore": lambda said, row: all(
            one >= other - 0.005
            for one, other in zip(row("transistor PaDiM"), row("transistor PatchCore"), strict=True)
        ),
        "ten of a hundred channels make half of the squared distance": lambda said, row: (
            "% of its square in 10 channels" in row.text
            and 40 <= float(row.text.split("% of its square")[0].split()[-1]) <= 60
        ),
        "the deepest layer contributes more than both others together": lambda said, row: (
            row("10 channels", "layer3:")
            > [row("10 channels", "layer1:")[0] + row("10 channels", "layer2:")[0]]
        ),
        "ten channels, and thirty, are hardly better than a coin by image AUROC, while by pixel AUROC ten "
        "already have #": (
            lambda said, row: (
                max(row("channels", "10")[0], row("channels", "30")[0]) < 0.6
                and said == row("channels", "10")[1:]
            )
        ),
        "image AUROC # on the transistor, as PatchCore has": lambda said, row: (
            said == row("transistor PaDiM")[:1] == row("transistor PatchCore")[:1]
        ),
        "image AUROC # on the nut, against PatchCore's #. Its maps do show where the defects are (PRO #)": (
            lambda said, row: (
                said
                == [row("hex_nut PaDiM")[0], row("hex_nut PatchCore")[0], row("hex_nut PaDiM")[2]]
            )
        ),
        "On the nut its image AUROC is far lower": lambda said, row: (
            row("hex_nut PaDiM")[0] < row("hex_nut PatchCore")[0] - 0.2
        ),
        "moved by # pixels scores # of what a defective one does, and with PaDiM #": lambda said, row: (
            said == [32, *row("pixels", "32")[::-1]] and said[1] < 1 < said[2]
        ),
        "at # pixels a good transistor scores # of what a defective one does, instead of #; at # pixels #": (
            lambda said, row: (
                said
                == [8, row("pixels", "8")[0], row("pixels", "0")[0], 16, row("pixels", "16")[0]]
            )
        ),
        "PatchCore goes from # to # and #": lambda said, row: (
            said == [row("pixels", moved)[1] for moved in ("0", "8", "16")]
        ),
    },
    "08_thresholds_and_pro": {
        "By pixels (average precision, AP) PatchCore is better, by regions (PRO) PaDiM": lambda said, row: (
            row("pixel AP", "PatchCore, stride 16")[1] > row("pixel AP", "PaDiM, strides 8, 16")[1]
            and row("pixel AP", "PatchCore, stride 16")[2]
            < row("pixel AP", "PaDiM, strides 8, 16")[2]
        ),
        "on the larger regions the two are alike; the smaller ones decide": lambda said, row: (
            abs(
                row("smaller half", "PatchCore, stride 16")[1]
                - row("smaller half", "PaDiM, strides 8, 16")[1]
            )
            < 0.02
            and row("smaller half", "PatchCore, stride 16")[0]
            < row("smaller half", "PaDiM, strides 8, 16")[0] - 0.03
        ),
        "ranked almost perfectly (AUROC #), that is # errors against #": lambda said, row: (
            said == [row("best F1", "hex_nut")[i] for i in (0, 2, 3)]
        ),
        "AP prefers PatchCore (# to #), PRO prefers PaDiM (# to #)": lambda said, row: (
            said
            == [
                row("pixel AP", "PatchCore, stride 16")[1],
                row("pixel AP", "PaDiM, strides 8, 16")[1],
                row("pixel AP", "PaDiM, strides 8, 16")[2],
                row("pixel AP", "PatchCore, stride 16")[2],
            ]
        ),
    },
    "09_compare": {
        "finds *where* the defects are nearly as well as the others, but hardly *whether*": lambda said, row: (
            row("PRO-global", "PaDiM")[1] > row("PRO-global", "PatchCore")[1] - 0.02
            and row("PRO-global", "PaDiM")[0] < row("PRO-global", "DN2")[0] - 0.1
        ),
        "PaDiM agrees with DN2 and SPADE least": lambda said, row: (
            row("1.0", "PaDiM")[0] < min(row("1.0", "PatchCore")[:3])
            and row("1.0", "PaDiM")[0] == min(row("1.0", "PaDiM"))
        ),
        "all but PaDiM are right almost always": lambda said, row: (
            min(row("third", name)[1] for name in ("DN2", "SPADE", "PatchCore"))
            > max(0.9, row("third", "PaDiM")[1])
        ),
        "most (# of #), and most of the difference between the methods": lambda said, row: (
            said == [sum(wrong(row, 0)), sum(wrong(row, 0)) + sum(wrong(row, 1))]
            and said[0] > said[1] / 2
            and span(wrong(row, 0)) > span(wrong(row, 1))
        ),
        "PatchCore is wrong once in # on either": lambda said, row: (
            said == [THIRD] and wrong(row, 0)[-1] == wrong(row, 1)[-1] == 1
        ),
        "PatchCore is right on # of the images, PaDiM on #; on the least disputed third on # and #": (
            lambda said, row: (
                said
                == [
                    row("third", name)[column]
                    for column in (0, 1)
                    for name in ("PatchCore", "PaDiM")
                ]
            )
        ),
        "AP prefers PatchCore (# to #), PRO PaDiM (# to #)": lambda said, row: (
            said
            == [
                row("pixel AP", "PatchCore")[0],
                row("pixel AP", "PaDiM")[0],
                row("pixel AP", "PaDiM")[1],
                row("pixel AP", "PatchCore")[1],
            ]
        ),
    },
    "10_why_published_numbers_differ": {
        "the mean image AUROC falls from # to #. *Aggregation*, which blurs the few channels of a small network, "
        "takes #; another *start* is another coreset, and moves it by # (three pairs of images on the brick, two on "
        "the nut; with all images the brick's sign turns round, see *Try this*); the other two flips do nothing": (
            lambda said, row: (
                said == [abs(row("start aggregation", "mean")[i]) for i in (0, -1, -2, -3)]
                and row("start aggregation", "mean")[1:3] == [0, 0]
                and row("start aggregation", "mean")[-2] < 0
                and about(
                    [row("start aggregation", "brick")[3], row("start aggregation", "hex_nut")[3]],
                    [3 * BRICK_PAIR, 2 * NUT_PAIR],
                    0.06,
                )
            )
        ),
        "Another seed alone takes it from # to #, and that of *brick* by #, one pair of images": lambda said, row: (
            abs(said[2] - BRICK_PAIR) < 0.06
            and said
            == [
                row("another seed", "mean")[0],
                row("another seed", "mean")[-1],
                abs(row("another seed", "brick")[1]),
            ]
        ),
        "The same maps have a PRO between # and #: the limit matters most (# against #), then the mask rule and the "
        "definition": lambda said, row: (
            said[:2] == [min(values(row)), max(values(row))]
            and said[2:] == [row("PRO-global@0.3")[0], row("PRO-global@0.05")[0]]
            and said[2] - said[3]
            > max(span(row(f"{name}@{limit}")) for name in PROS for limit in LIMITS)
        ),
    },
    "11_tables_spade": {
        "Retrieved images are the better gallery here, too (PRO # against # with random ones)": lambda said, row: (
            said
            # random, then retrieved
            == row("Table 7: retrieved", "ours: built-in images", "average")[::-1]
            and said[0] > said[1]
        ),
        "All layers together are best on average here, too (# against # of the coarsest alone)": lambda said, row: (
            # The columns are layers 3, 2, 1 and all
            said == row("Table 6: which", "ours: built-in images", "average")[::-3]
            and said[0] == max(row("Table 6: which", "ours: built-in images", "average"))
        ),
        "the interval of their lead over the coarsest alone reaches below 0": lambda said, row: (
            interval(row, "> layers=3")[0] < 0 < interval(row, "> layers=3")[1]
        ),
        "finds large defects better (# against # in the table by size)": lambda said, row: (
            about(
                said,
                [
                    row("by size", name, "large")[3]
                    for name in ("SPADE, layers=3", "SPADE, layers=1+2+3")
                ],
                within=0.05,
            )
            and said[0] > said[1]
        ),
        "as it does in the printed transistor (# against #)": lambda said, row: (
            said == row("Table 6: which", "transistor")[::3] and said[0] > said[1]
        ),
        "of the text gives a lower image AUROC here as well (# against #)": lambda said, row: (
            said
            == [
                row("SPADE, preset=paper-literal")[0],
                row("ablation retrieved images:", "SPADE")[-1],
            ]
            and said[0] < said[1]
        ),
    },
    "12_tables_patchcore": {
        "Few patches of the whole bank are ever the nearest one*: # % of them": lambda said, row: (
            f"coreset=100% {said[0]:.1f} < the text's 30.0 ✗" in row.text
        ),
        "cannot be said of PRO (# against #)": lambda said, row: (
            said
            == [
                row("Table 3: PRO", "PatchCore, coreset=10%")[1],
                row("Table 3: PRO", "PaDiM")[1],
            ]
            and interval(row, f"PRO: PatchCore, coreset=10% {said[0]} > PaDiM")[0] < 0
        ),
        "PaDiM, which compares positions, is better (# against # in Table S3)": lambda said, row: (
            # SPADE, PaDiM, and PatchCore with 25, 10 and 1 %
            said == row("Table S3:", "ours: built-in images", "transistor")[1:4:2]
            and said[0] > said[1]
        ),
        "by PRO it has lost about a point (# against #)": lambda said, row: (
            said
            == [
                row("Table 5:", "PatchCore, coreset=1%")[6],
                row("Table 5:", "PatchCore, coreset=100%")[6],
            ]
            and 0.5 < said[1] - said[0] < 1.5
        ),
        "faster than PaDiM (# s an image against #)": lambda said, row: (
            f"PatchCore, coreset=1% {said[0]:.3f} < PaDiM, reimplementation {said[1]:.3f}"
            in row.text
            and said[0] > said[1] / 2
        ),
        "Against the whole bank (#) and SPADE (#) there is no doubt": lambda said, row: (
            f" < coreset=100% {said[0]:.3f}" in row.text
            and f"< SPADE, reimplementation {said[1]:.3f}" in row.text
        ),
        "where nothing is left to lose (# and #)": lambda said, row: (
            said
            == [
                row("Table 5:", "PatchCore, coreset=100%")[4],
                row("Table 5:", "PatchCore, coreset=100%, search=ivfpq")[4],
            ]
        ),
        "of # test images it misclassifies #, SPADE # and PaDiM #": lambda said, row: (
            # For each method images, false positives and negatives, and those at full recall
            said
            == [
                row("FP FN FP at 100 % recall", "all")[0],
                sum(row("FP FN FP at 100 % recall", "all")[9:11]),
                sum(row("FP FN FP at 100 % recall", "all")[1:3]),
                round(sum(row("FP FN FP at 100 % recall", "all")[5:7])),
            ]
        ),
        "here it detects a little less (# against # with a bank of 25 %)": lambda said, row: (
            said
            == [
                row("ablation public code:", "PatchCore, coreset=25%, preset=official")[0],
                row("ablation public code:", "PatchCore, coreset=25%")[2],
            ]
            and said[0] < said[1]
        ),
        "per image PaDiM is before SPADE (# and #), by MVTec's behind it (# and #)": lambda said, row: (
            said
            == [
                row("per-image global", "PaDiM")[0],
                row("per-image global", "SPADE")[0],
                row("per-image global", "PaDiM")[1],
                row("per-image global", "SPADE")[1],
            ]
            and said[0] > said[1]
            and said[2] < said[3]
        ),
    },
    "13_tables_reverse_distillation": {
        "It lacks # points": lambda said, row: f"({-said[0]:.1f})" in row.text,
        "here it would rather be the coarsest, by the nut (# against #)": lambda said, row: (
            said == [row("category brick", f"RD4AD, maps={maps}")[1] for maps in ("M3", "M2")]
            and said[0] > said[1]
        ),
        "by the transistors that are missing, which it alone notices (# against #)": lambda said, row: (
            said == [row("category brick", f"RD4AD, maps={maps}")[2] for maps in ("M3", "M2")]
            and said[0] > max(row("category brick", f"RD4AD, maps=M{i}")[2] for i in (1, 2))
        ),
        "PaDiM, which compares positions, has # on the transistor": lambda said, row: (
            said == row("Table 1: image AUROC by category", "ours: built-in", "transistor")[1:2]
        ),
        "by the nut alone the deepest layer is better (# against #)": lambda said, row: (
            said
            == [
                row("category brick", f"RD4AD, bottleneck=pre+{code}")[1]
                for code in ("oce", "oce+mff")
            ]
            and row("category brick", "RD4AD, bottleneck=pre+oce")[2:]
            == row("category brick", "RD4AD, bottleneck=pre+oce+mff")[2:]
        ),
        "cannot be said of the first step alone (# against #); the second holds": lambda said, row: (
            said
            == [
                row("Table 6:", "RD4AD, backbone=resnet50")[3],
                row("Table 6:", "RD4AD, backbone=resnet18")[3],
            ]
            and interval(row, "> backbone=resnet18")[0]
            < 0
            <= interval(row, "> backbone=resnet50")[0]
        ),
        "Here the coarsest map alone has an image AUROC of #, all three #; printed it is # and #": lambda said, row: (
            said
            == [
                row("Table 7:", "RD4AD, maps=M3")[3],
                row("Table 7:", "RD4AD, maps=M1+M2+M3")[3],
                row("Table 7:", "RD4AD, maps=M3")[0],
                row("Table 7:", "RD4AD, maps=M1+M2+M3")[0],
            ]
        ),
        "Two of six do not": lambda said, row: row.text.count("DOES NOT HOLD: ") == 2,
    },
    "14_few_shot": {
        "The paper's own tables do not bear it out": lambda said, row: (
            "as well as SPADE does with all. (PatchCore" in row.text
            and "(does not hold; Table S5, Table 1, Table 2)" in row.text
        ),
        "that spread is # points of image AUROC for SPADE and # for PatchCore": lambda said, row: (
            said
            == [
                row.spreads("Table S5: few", "SPADE, shots=1")[0],
                row.spreads("Table S5: few", "PatchCore, coreset=10%, shots=1")[0],
            ]
        ),
        "whose lead (# against #) is larger": lambda said, row: (
            said
            == [
                row("Table S5: few", "PatchCore, coreset=10%, shots=1")[3],
                row("Table S5: few", "SPADE, shots=1")[3],
            ]
            and said[0] - said[1]
            > row.spreads("Table S5: few", "PatchCore, coreset=10%, shots=1")[0]
        ),
        "detects nearly as much as the whole bank (# against #)": lambda said, row: (
            said == [row("Fig. S6:", f"PatchCore, coreset={size}%")[-3] for size in (1, 100)]
            and said[1] - said[0] < 1
        ),
        "random patches of the same number do not (#)": lambda said, row: (
            said == row("Fig. S6:", "PatchCore, coreset=1%, sampler=random")[-3:-2]
            and said[0] < row("Fig. S6:", "PatchCore, coreset=1%")[-3] - 10
        ),
        "With 0.1 %, fifty patches, it is #": lambda said, row: (
            said == row("Fig. S6:", "PatchCore, coreset=0.1%")[-3:-2]
        ),
        "holds for detection with few patches (# against # with 0.1 %)": lambda said, row: (
            said
            == [
                row("Fig. S6:", f"PatchCore, coreset=0.1%{sampler}")[-3]
                for sampler in ("", ", sampler=proxies")
            ]
            and interval(row, "coreset=0.1%, sampler=proxies")[0] > 0
        ),
        "proxies have the higher PRO, # against # with 1 %": lambda said, row: (
            said
            == [
                row("Fig. S6:", f"PatchCore, coreset=1%{sampler}")[-1]
                for sampler in (", sampler=proxies", "")
            ]
            and said[0] > said[1]
        ),
        "Better than random patches it is by all three numbers": lambda said, row: all(
            ours > random
            for size in ("0.1", "1")
            for ours, random in zip(
                row("Fig. S6:", f"PatchCore, coreset={size}%")[-3:],
                row("Fig. S6:", f"PatchCore, coreset={size}%, sampler=random")[-3:],
                strict=True,
            )
        ),
        "localisation has lost little, and surely (PRO # against #)": lambda said, row: (
            said == [row("Fig. S6:", f"PatchCore, coreset={size}%")[-1] for size in (1, 100)]
        ),
        "pixel AUROC falls from # to #": lambda said, row: (
            said
            == [
                row(f"PatchCore, coreset=10%, image_size={side}, neighborhood=3")[-2]
                for side in (288, 448)
            ]
            and said[0] > said[1]
        ),
        "With wider neighbourhoods ($p$ = # and #), which undo that, all three numbers rise": lambda said, row: (
            all(
                small < large
                for p in map(int, said)
                for small, large in zip(
                    row(f"PatchCore, coreset=10%, image_size=288, neighborhood={p}")[-3:],
                    row(f"PatchCore, coreset=10%, image_size=448, neighborhood={p}")[-3:],
                    strict=True,
                )
            )
        ),
        "is best (#), single locations (#) and $p = 9$ (#) are not": lambda said, row: (
            said[0] == row("Fig. S6:", "PatchCore, coreset=10%")[-3]
            and f"default {said[0]} > neighborhood=1 {said[1]} " in row.text
            and f"> neighborhood=9 {said[2]} " in row.text
        ),
    },
    "16_odd_photographs": {
        "The ten good ones among the #": lambda said, row: (
            f"max_good, on 10 good photographs\npredicted anomalous: 29 of {said[0]:.0f}"
            in row.text
        ),
    },
    "15_your_own_data": {
        "PatchCore 10 % detects best (image AUROC # against PaDiM's #)": lambda said, row: (
            said == [row("PatchCore 10 %")[0], row("PaDiM")[0]]
            and said[0]
            == max(row(name)[0] for name in ("SPADE", "PaDiM", "PatchCore 1 %", "PatchCore 10 %"))
        ),
        "the interval says that this may be chance: # to #": lambda said, row: (
            said == row("image AUROC: PatchCore 10 % against PaDiM", "mean")[3:5]
            and said[0] < 0 < said[1]
        ),
        "PaDiM locates better (PRO # against #)": lambda said, row: (
            said == [row("PaDiM")[2], row("PatchCore 10 %")[2]] and said[0] > said[1]
        ),
        "# and # with one image, # and # with sixteen, # with all #": lambda said, row: (
            said[:4] == row("draw", "images", "1") + row("draw", "images", "16")
            and said[4:] == [row("draw", "images", "64")[0], 64]
        ),
    },
}

OTHER = {
    "01_quickstart": [
        "have one location for every 8, 16 and 32 pixels",
        "PatchCore keeps 2 % of the training patches",
        "1 is perfect, 0.5 a coin",
        "up to a false-positive rate of 0.3",
    ],
    "02_spade_retrieval": [
        "The mean squared distance of the nearest of them, by default 5",
        "one location each 8 pixels",
        "3 of 64 training images have it",
        "Stage 1",
        "Stage 2",
        "stage 1",
        "in the median over all images about 1.4 times",  # a folded check asserts that
    ],
    "03_patchcore_coreset": [
        "3 of 64 training images show it, and 6 of the 24 good test images",
        "from 64 small images alone",
        "209 training images of 224 pixels there are over 160 000 entries of 1024 numbers",
        "a projection to 128 random directions",
        "a bank of 10 % takes thousands of steps",
        "the image AUROC at 1 %",
        "(007, 029 and 051) are among the six",  # the folded check below it asserts that
        "fewer than 30 % of the full bank's entries",
        "almost 95 % of the entries of a 1 % coreset",
        "the random bank of 1 %",
        "from the bank of 1 %",
        "does a bank of 1 % keep",
    ],
    "04_reverse_distillation": [
        "a learning rate of 0.005, 16 images a batch and 200 epochs",
        "After 60 epochs",
        "(60 epochs",
    ],
    "05_one_class": [
        "6000 images to learn from and 10,000 to test",
        "images of 96 pixels",
        "learns from 100 images of a class and is tested on 500, about 50 of each class",
        "with 100 images and two epochs",
        "from about 3500 to 5000",  # the histogram below it shows that
    ],
    "07_padim_and_position": ["PatchCore takes 8 and 16", "at 1 a good image looks as bad"],
    "08_thresholds_and_pro": ["100 % recall", "divided by the band's width of 0.3"],
    "09_compare": [
        "32 for whole images",
        "0.4 means that one of them has it 40 %",
        "on which 1 is the decision",
    ],
    "10_why_published_numbers_differ": [
        "adaptive pooling to 1024 numbers where every layer has at least 512 channels",
        "An interval that contains 0",
        "takes 200 linear thresholds",
        "0.3 in most papers, 0.05 in stricter ones",
        "(resize to 256, crop the centre of 224)",
        "maps evaluated at 256 pixels",
        "What a printed 99.1 does not say",
        "with the 50 of the text",
        "maps evaluated at the size of the crop or at 256",
    ],
    "11_tables_spade": [
        "The paper resizes to 256 and crops the centre of 224",
        "one $K$ for Eq. 2: 50",
        "Public runs reach the 85.5",
        "and get 80 to 83 with 50",
        "takes its gallery from 50",
        "has 50 in both places",
        "means over its 12 scenes",
        "The row in between, 2+3, is ours, so that they add up from the deepest: 3, 2+3, 1+2+3",
        "16 letters and digits",
        "200 thresholds",
    ],
    "12_tables_patchcore": [
        "The whole bank (100 %)",
        "An interval that contains 0",
        "which intervals contain 0",
        "an AUROC of exactly 1",
        "where the text has less than 30 %",
        "to one test image come 1.3 training images here, 2.1 in MVTec AD",
        "A bank of 1 %",
        "1 % of 64 images are 502 patches, of a category of MVTec AD about 1900",
        "a bank of 1 % is nearly as good",
        "up to a false positive rate of 0.3",
    ],
    "13_tables_reverse_distillation": [
        "enlarged to 256, but 500 are drawn of each class",
        "200 epochs",
        "CIFAR-10 as well, and 30 more students",
        "Caltech-256",
        "with the 95 % interval",
        "(256, not cropped)",
        "on the paper's network our model takes 319.9 MiB; the printed 352 includes a convolution",
        "(60 epochs of 64 images, a student half as wide)",
        "*preset=paper* beside *image_size=256*",
    ],
    "14_few_shot": [
        "A greedy coreset of 1 %",
        "A bank of 1 % is about as good",
        "There are 50,176 patches of 64 images; 0.1 % are 50",
        "16 of 64 training images are drawn",
        "files of 256 pixels",
        "With 16 images it detects more than DifferNet",
    ],
    "15_your_own_data": [
        "by default 224 of 256 pixels, here 112 of 128",
        "If it is not 1, use",
        "PatchCore 1 % is hardly better than a coin",
        "An interval that contains 0",
        "with 1, 4, 16 and all of the training images",
        "it still rises at 64 images",
        "false positives at 100 % recall",
    ],
    "16_odd_photographs": [
        "of 12 bits (0 to 4095), 256 pixels wide and 128 high",
        "the square of 224 that networks are used to",
        "A 16-bit file may hold 65535, and a camera of 12 bits never goes beyond 4095. Divided by 65535",
        "rounded to the 256 grey levels",
        "the fewest of 8, 10, 12, 14 or 16 that hold the largest value",
        "read as if all 16 bits were used",
        "squeezed to a square of 256 pixels, of which the centre of 224 is kept",
    ],
}
