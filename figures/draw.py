"""Draw every picture of this folder: `make figures`.

The pictures are functions of the bundled samples and of mixer_lib.plots, so the same code draws the same picture.
"""

from pathlib import Path

from mixer_lib import plots
from mixer_lib.data import load_dataset

FOLDER = Path(__file__).parent


def patches():
    """README: an image, one of its patches, and the table of all patches."""
    horse = load_dataset("cifar10").train_images[3510]
    return plots.patch_explorer(horse, patch_size=8, patch=5, number=70)


PICTURES = {"patches.png": patches}


def main():
    for name, draw in PICTURES.items():
        draw().save(FOLDER / name, optimize=True)
        print(FOLDER / name)


if __name__ == "__main__":
    main()
