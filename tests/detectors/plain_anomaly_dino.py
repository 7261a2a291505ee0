"""AnomalyDINO from its definition (arXiv 2405.14529, 3.1): every pair's 1 - cos, patch by patch, in
float64.
"""

import numpy as np
from plain_maps import drawn
from plain_spade import Plain


def cosine_distance(a, b):
    return 1 - (a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum())


def anomaly_dino(train, test, layer, *, k=5, top=0.01, sigma=4.0):
    """Scores, maps and the k nearest training patches of every patch, nearest first."""
    bank, test_array = np.asarray(train[layer], float), np.asarray(test[layer], float)
    places = [(image, row, column) for image, row, column in np.ndindex(len(bank), *bank.shape[2:])]
    n, _, rows, columns = test_array.shape
    distance, image, cell = (np.zeros((n, rows, columns, k)) for _ in range(3))
    for place in np.ndindex(n, rows, columns):
        patch = test_array[place[0], :, place[1], place[2]]
        each = np.array([cosine_distance(patch, bank[i, :, r, c]) for i, r, c in places])
        for number, best in enumerate(np.argsort(each, kind="stable")[:k]):
            i, r, c = places[best]
            distance[place][number], image[place][number], cell[place][number] = (
                each[best],
                i,
                r * bank.shape[3] + c,
            )
    cells = distance[..., 0]
    count = max(1, int(np.floor(top * rows * columns + 1e-9)))
    score = np.array([np.mean(sorted(one.ravel(), reverse=True)[:count]) for one in cells])
    found = Plain(score, drawn(cells, test.image_size, sigma))
    found.layer_maps[layer] = 2 * cells
    found.distance["patch"], found.image["patch"], found.cell["patch"] = 2 * distance, image, cell
    return found
