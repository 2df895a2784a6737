"""Images of every EXIF orientation, and what Pillow's exif_transpose makes of them.

    python exif.py --out tests/data/exif [--seed 1]

orientation_O.KIND: an image that says O; expected_….png: the same pixels turned, as a PNG without EXIF. AVIF says it by irot and imir;
Pillow turns a TIFF when it reads it.
"""

import os

import numpy as np
from PIL import Image, ImageOps

from common import arguments, generator

WIDTH, HEIGHT = 5, 3


def save(out, given, expected, image, orientation, **options):
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = os.path.join(out, given)
    image.save(path, exif=exif, **options)
    turned = ImageOps.exif_transpose(Image.open(path)).convert("RGB")
    Image.fromarray(np.asarray(turned)).save(os.path.join(out, expected))


def main():
    args = arguments(__doc__).parse_args()
    os.makedirs(args.out, exist_ok=True)
    image = Image.fromarray(generator(args.seed, "exif").integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8))
    for orientation in range(1, 9):
        save(args.out, f"orientation_{orientation}.png", f"expected_{orientation}.png", image, orientation)
    save(args.out, "orientation_p_6.png", "expected_p_6.png", image.quantize(256), 6)
    save(args.out, "orientation_5.webp", "expected_webp_5.png", image, 5, lossless=True)
    save(args.out, "orientation_7.jpg", "expected_jpg_7.png", image, 7, quality=95)
    for orientation in range(1, 9):
        save(args.out, f"orientation_{orientation}.avif", f"expected_avif_{orientation}.png", image, orientation, quality=100, subsampling="4:4:4")
    for orientation in (4, 5, 7):
        save(args.out, f"orientation_{orientation}.tif", f"expected_tif_{orientation}.png", image, orientation)


if __name__ == "__main__":
    main()
