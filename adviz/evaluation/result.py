"""The metrics of one prediction: what `adviz.evaluate` returns."""

from __future__ import annotations

import html
import math
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from adviz._support import archive, current_names
from adviz.metrics import Curve

if TYPE_CHECKING:
    import pandas as pd


# Fields of `Result`, and metrics in `reasons`, that files saved before hold under another name
OLD_NAMES = {"errors_at_full_recall": "false_positives_at_full_recall"}


class Shown(NamedTuple):
    """A metric as it is printed.

    Attributes
    ----------
    name, text: its label and its rounded value.
    reason: why it is NaN, or which images it leaves out; may be empty.
    """

    name: str
    text: str
    reason: str

    @property
    def undefined(self) -> bool:
        """Whether it is NaN."""
        return self.text == "nan"


@dataclass(frozen=True, eq=False)
class Result:
    """The metrics of one prediction; a metric that is undefined is NaN, and `reasons` says why.

    A metric that is defined has a reason too where it leaves out labelled images: the pixel metrics
    leave out anomalous images without a mask where others have one.

    Attributes
    ----------
    category, detector, backbone, digest: names for tables and the weights' digest, may be empty.
    n_good, n_anomalous, n_unlabelled: images; the unlabelled ones are left out of everything.
    image_auroc, image_ap: of the image scores, in [0, 1].
    pixel_auroc, pixel_ap: of all pixels of the labelled images, in [0, 1]; without anomalous images
        that have no mask.
    pro: mean overlap per region in the definition `pro_definition`, up to a false positive rate of
        `pro_limit`.
    threshold_f1: image score with the best F1; an image is predicted anomalous when its score is >=
        this.
    f1, false_positives, false_negatives: at that threshold; the latter two count images.
    false_positives_at_full_recall: good images that are predicted anomalous at the highest
    threshold at
        which every anomalous image is.
    reasons: metric -> why it is NaN, or which images it leaves out.
    curves: "roc" and "precision_recall" of the images, "pixel_roc", "pixel_precision_recall" and
        "pro" of the pixels ("pro" is the exact curve whatever the definition); thinned for display,
        only those that are defined.

    Examples
    --------
    >>> result = evaluate(prediction, category.test)
    >>> result.n_good, result.n_anomalous, result.pro_name
    (20, 26, 'PRO-global')
    """

    category: str
    detector: str
    backbone: str
    digest: str
    n_good: int
    n_anomalous: int
    n_unlabelled: int
    image_auroc: float
    image_ap: float
    pixel_auroc: float
    pixel_ap: float
    pro: float
    pro_definition: str
    pro_limit: float
    threshold_f1: float
    f1: float
    false_positives: float
    false_negatives: float
    false_positives_at_full_recall: float
    reasons: dict[str, str]
    curves: dict[str, Curve]

    @property
    def pro_name(self) -> str:
        """The definition and, unless it is 0.3, the limit: "PRO-global" or "PRO-global@0.05"."""
        name = f"PRO-{self.pro_definition}"
        return name if self.pro_limit == 0.3 else f"{name}@{self.pro_limit:g}"

    def save(self, path: str | Path) -> str:
        """Write the result to a file, atomically, and return the file's digest.

        Safetensors and JSON, see `adviz.archive`; OSError where it cannot be written.

        Examples
        --------
        >>> from adviz import Result
        >>> digest = evaluate(prediction, category.test).save("result.adviz")
        >>> Result.load("result.adviz").category
        'hex_nut'
        """
        return archive.write(path, "Result", archive.parts(self))

    @classmethod
    def load(cls, path: str | Path, *, digest: str | None = None) -> Result:
        """Read what `save` wrote; nothing in the file is executed.

        Arguments and errors as in `adviz.archive.read`.

        Examples
        --------
        >>> import adviz
        >>> digest = evaluate(prediction, category.test).save("result.adviz")
        >>> adviz.Result.load("result.adviz", digest=digest).detector
        'PatchCore'
        """
        content = archive.read(path, "Result", digest=digest).content
        with archive.restoring("Result", path):
            content = current_names(content, OLD_NAMES)
            content["reasons"] = current_names(content["reasons"], OLD_NAMES)
            return archive.typed(cls, content)

    def __repr__(self) -> str:
        texts = {metric.name: metric.text for metric in self.shown()}
        rows = (
            ("image AUROC", "image AP"),
            ("pixel AUROC", "pixel AP", self.pro_name),
            ("best F1", "threshold", "false positives", "false negatives"),
            ("false positives at 100 % recall",),
        )
        lines = [self._title()]
        for names in rows:
            lines.append("  " + "   ".join(f"{name} {texts[name]}" for name in names))
        # Metrics that share a reason share a line
        names_by_reason: dict[tuple[str, str], list[str]] = {}
        for name, reason in self.reasons.items():
            effect = "undefined" if math.isnan(getattr(self, name)) else "of fewer images"
            names_by_reason.setdefault((effect, reason), []).append(name)
        for (effect, reason), reason_names in names_by_reason.items():
            lines.append(f"  {effect}: {', '.join(reason_names)} ({reason})")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        rows = ""
        for name, text, reason in self.shown():
            rows += (
                f"<tr><th style='text-align:left'>{html.escape(name)}</th>"
                f"<td style='text-align:right'>{html.escape(text)}</td>"
                f"<td style='text-align:left'>{html.escape(reason)}</td></tr>"
            )
        return f"<table><caption>{html.escape(self._title())}</caption>{rows}</table>"

    def to_frame(self) -> pd.DataFrame:
        """Return a table of one row, a column for every attribute but `curves`; `reasons` as text.

        Examples
        --------
        >>> evaluate(prediction, category.test).to_frame().loc[0, "n_good"]
        np.int64(20)
        """
        import pandas as pd

        row = {field.name: getattr(self, field.name) for field in fields(self)}
        del row["curves"]
        row["reasons"] = "; ".join(f"{name}: {reason}" for name, reason in self.reasons.items())
        return pd.DataFrame([row])

    def _title(self) -> str:
        name = ", ".join(filter(None, (self.category, self.detector))) or "result"
        title = f"{name}: {self.n_good} good and {self.n_anomalous} anomalous images"
        if self.n_unlabelled:
            title += f" ({self.n_unlabelled} unlabelled left out)"
        return title

    def shown(self) -> list[Shown]:
        """Return every metric as it is printed, in the order of the table.

        Examples
        --------
        >>> evaluate(prediction, category.test).shown()[0].name
        'image AUROC'
        """
        labels_and_formats = {
            "image_auroc": ("image AUROC", ".3f"),
            "image_ap": ("image AP", ".3f"),
            "pixel_auroc": ("pixel AUROC", ".3f"),
            "pixel_ap": ("pixel AP", ".3f"),
            "pro": (self.pro_name, ".3f"),
            "f1": ("best F1", ".3f"),
            "threshold_f1": ("threshold", ".4g"),
            "false_positives": ("false positives", ".0f"),
            "false_negatives": ("false negatives", ".0f"),
            "false_positives_at_full_recall": ("false positives at 100 % recall", ".0f"),
        }
        return [
            Shown(label, format(getattr(self, name), digits), self.reasons.get(name, ""))
            for name, (label, digits) in labels_and_formats.items()
        ]
