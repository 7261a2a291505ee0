"""The README's five lines, on an installed adviz; `smoke.sh` runs it outside the checkout."""

from pathlib import Path

import adviz
from adviz import Backbone, PatchCore, data, evaluate, explore

assert "site-packages" in Path(adviz.__file__).parts, adviz.__file__

category = data.demo("hex_nut")
backbone = Backbone("efficientnet_lite0")
train, test = backbone.extract(category.train), backbone.extract(category.test)
prediction = PatchCore(coreset=0.02).fit(train).predict(test)
result = evaluate(prediction, category.test)
view = explore.retrieval(category, {"PatchCore": prediction})
view.export("view.html")

print(result)
assert result.image_auroc > 0.95, "without features of photographs it is 0.55"
assert Path("view.html").stat().st_size > 10_000
