"""Writes fixtures/cmyk.jpg: red, green, blue and white as four inks.

Run it with pillow installed: python cmyk.py
"""

from pathlib import Path

from PIL import Image

inks = Image.new("CMYK", (32, 32))
for at, ink in {(0, 0): (0, 255, 255, 0), (16, 0): (255, 0, 255, 0), (0, 16): (255, 255, 0, 0), (16, 16): (0, 0, 0, 0)}.items():
    inks.paste(ink, (*at, at[0] + 16, at[1] + 16))
inks.save(Path(__file__).parents[1] / "fixtures" / "cmyk.jpg", quality=95)
