"""A folder of photographs as a person sorts them, for the commands that read one."""

import shutil

import numpy as np

from adviz import data


def copy_nuts(folder, n_good=20, n_bad=9):
    """Sort photographs of nuts into good/ and bad/."""
    category = data.demo("hex_nut")
    chosen = {"good": category.train.paths[:n_good]}
    bad = np.flatnonzero(category.test.labels == 1)[:n_bad]
    chosen["bad"] = [category.test.paths[index] for index in bad]
    for name, files in chosen.items():
        (folder / name).mkdir(parents=True)
        for number, file in enumerate(files):
            shutil.copy(file, folder / name / f"nut {number:02d}.png")
    return folder
