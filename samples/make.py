"""Draws the sample photos and the clip beside it: `.venv/bin/python samples/make.py`.

They are drawn, not photographed, so that they are ours to give away; each shows a scene that a model can describe, and
something that a program can get wrong: a picture to be turned by its EXIF orientation, a place, transparency, text.
"""

from __future__ import annotations

import math
import random
from fractions import Fraction
from pathlib import Path

import av
from PIL import ExifTags, Image, ImageChops, ImageDraw, ImageFilter, ImageFont

HERE = Path(__file__).resolve().parent
FINE = 2  # drawn at twice the size and made smaller, for smooth edges
Colour = tuple[int, int, int]


def gradient(size: tuple[int, int], *stops: tuple[float, Colour]) -> Image.Image:
    """A picture that runs from top to bottom through the stops (height 0..1, colour)."""
    column = Image.new("RGB", (1, size[1]))
    for y in range(size[1]):
        at = y / (size[1] - 1)
        low = max(stop for stop in stops if stop[0] <= at)
        high = min((stop for stop in stops if stop[0] >= at), default=low)
        share = 0.0 if high[0] == low[0] else (at - low[0]) / (high[0] - low[0])
        column.putpixel((0, y), mixed(low[1], high[1], share))
    return column.resize(size)


def mixed(one: Colour, other: Colour, share: float) -> Colour:
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue


def glow(picture: Image.Image, centre: tuple[int, int], radius: int, colour: Colour, strength: float) -> Image.Image:
    """Light around a point, added to the picture."""
    light = Image.new("RGB", picture.size)
    x, y = centre
    bright = mixed((0, 0, 0), colour, strength)
    ImageDraw.Draw(light).ellipse((x - radius, y - radius, x + radius, y + radius), fill=bright)
    return ImageChops.add(picture, light.filter(ImageFilter.GaussianBlur(radius / 2)))


def ridge(width: int, base: float, height: float, seed: int) -> list[tuple[float, float]]:
    """The outline of hills: a few waves, the same every time."""
    chance = random.Random(seed)
    waves = [(chance.uniform(0.6, 4.0), chance.uniform(0, 7), chance.uniform(0.3, 1)) for _ in range(4)]
    total = sum(weight for _, _, weight in waves)
    return [
        (x, base - height * sum(w * (1 + math.sin(f * x * 6.3 / width + p)) for f, p, w in waves) / total / 2)
        for x in range(0, width + 8, 8)
    ]


def sunset() -> Image.Image:
    """Hills, a lake and a low sun."""
    width, height = 1600 * FINE, 1066 * FINE
    shore = height * 62 // 100
    sun = (width * 68 // 100, height * 33 // 100)
    picture = gradient(
        (width, height), (0, (46, 58, 110)), (0.3, (205, 110, 110)), (0.5, (252, 176, 92)), (1, (250, 200, 120))
    )
    picture = glow(picture, sun, 420 * FINE, (255, 190, 90), 0.45)
    pen = ImageDraw.Draw(picture)
    pen.ellipse((sun[0] - 150, sun[1] - 150, sun[0] + 150, sun[1] + 150), fill=(255, 238, 190))
    for number, colour in enumerate([(150, 96, 122), (110, 72, 108), (70, 50, 88)]):
        base, rise = shore - 130 * FINE + number * 75 * FINE, (210 - number * 45) * FINE
        pen.polygon([(0, height), *ridge(width, base, rise, 11 + number), (width, height)], fill=colour)
    mirrored = picture.crop((0, shore * 2 - height, width, shore)).transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    water = Image.blend(
        mirrored.filter(ImageFilter.GaussianBlur(7)), Image.new("RGB", mirrored.size, (58, 66, 112)), 0.3
    )
    picture.paste(water, (0, shore))
    pen = ImageDraw.Draw(picture)
    chance = random.Random(4)
    for _ in range(170):
        y = chance.randint(shore + 30, height)
        x = round(chance.gauss(sun[0], 60 + (y - shore) * 0.35))
        half = chance.randint(20, 60) + (y - shore) // 12
        pen.line((x - half, y, x + half, y), fill=(255, 206, 140), width=3 + (y - shore) // 200)
    boat = (width * 30 // 100, shore + 190 * FINE)
    pen.polygon(
        [
            (boat[0] - 170, boat[1]),
            (boat[0] + 170, boat[1]),
            (boat[0] + 120, boat[1] + 55),
            (boat[0] - 120, boat[1] + 55),
        ],
        fill=(38, 28, 46),
    )
    pen.line((boat[0], boat[1], boat[0], boat[1] - 400), fill=(38, 28, 46), width=10)
    pen.polygon(
        [(boat[0] + 14, boat[1] - 390), (boat[0] + 14, boat[1] - 40), (boat[0] + 190, boat[1] - 40)],
        fill=(244, 226, 208),
    )
    pen.polygon(
        [(boat[0] - 14, boat[1] - 330), (boat[0] - 14, boat[1] - 40), (boat[0] - 130, boat[1] - 40)],
        fill=(226, 200, 186),
    )
    return finer(picture)


def still_life() -> Image.Image:
    """Three fruits and a blue bowl on a table; the wall behind is transparent."""
    width, height = 1000 * FINE, 750 * FINE
    picture = Image.new("RGBA", (width, height), (0, 0, 0, 0))
    pen = ImageDraw.Draw(picture)
    table = height * 60 // 100
    pen.rectangle((0, table, width, height), fill=(168, 112, 66))
    for number in range(1, 6):
        pen.line((0, table + number * 100, width, table + number * 100 + 20), fill=(150, 98, 56), width=6)

    def shade(x: int, y: int, half: int) -> None:
        pen.ellipse((x - half, y - half // 6, x + half, y + half // 6), fill=(112, 72, 42))

    def fruit(x: int, y: int, radius: int, colour: Colour) -> None:
        shade(x + radius // 4, y + radius - 10, radius + 20)
        pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)
        light = mixed(colour, (255, 255, 255), 0.55)
        pen.ellipse((x - radius // 2, y - radius * 6 // 10, x - radius // 8, y - radius // 4), fill=light)

    shade(1250, 1190, 430)
    pen.pieslice((840, 700, 1640, 1180), 0, 180, fill=(52, 104, 176))
    pen.rectangle((1140, 1160, 1340, 1195), fill=(40, 84, 148))
    fruit(1080, 870, 140, (246, 198, 40))
    fruit(1360, 860, 150, (120, 178, 60))
    pen.ellipse((840, 890, 1640, 990), fill=(52, 104, 176))
    pen.pieslice((840, 700, 1640, 1180), 0, 180, fill=(64, 120, 196))
    pen.arc((840, 890, 1640, 990), 180, 360, fill=(30, 66, 120), width=8)
    fruit(480, 1020, 190, (206, 44, 46))
    pen.line((480, 850, 510, 770), fill=(84, 54, 30), width=18)
    pen.ellipse((510, 760, 640, 820), fill=(86, 150, 56))
    fruit(760, 1160, 130, (240, 140, 34))
    return finer(picture)


def chart() -> Image.Image:
    """A bar chart with a title: text to be read."""
    width, height = 1000, 700
    picture = Image.new("RGB", (width, height), (255, 255, 255))
    pen = ImageDraw.Draw(picture)
    large, small = ImageFont.load_default(40), ImageFont.load_default(24)
    pen.text((width / 2, 50), "Rainy days in a year", fill=(30, 30, 40), font=large, anchor="mm")
    for number in range(6):
        y = 620 - number * 100
        pen.line((110, y, 950, y), fill=(215, 218, 224), width=2)
        pen.text((95, y), str(number * 5), fill=(90, 94, 104), font=small, anchor="rm")
    months = {"Jan": 17, "Mar": 13, "May": 9, "Jul": 6, "Sep": 11, "Nov": 21}
    for number, (month, days) in enumerate(months.items()):
        x = 150 + number * 136
        pen.rectangle((x, 620 - days * 20, x + 90, 619), fill=(47, 128, 196) if days < 20 else (214, 84, 62))
        pen.text((x + 45, 600 - days * 20), str(days), fill=(30, 30, 40), font=small, anchor="mm")
        pen.text((x + 45, 645), month, fill=(30, 30, 40), font=small, anchor="mm")
    pen.line((110, 620, 950, 620), fill=(30, 30, 40), width=3)
    return picture


def lighthouse() -> Image.Image:
    """A red and white lighthouse on a rock, upright."""
    width, height = 900 * FINE, 1200 * FINE
    picture = gradient((width, height), (0, (70, 140, 214)), (0.7, (196, 226, 246)), (1, (220, 236, 246)))
    pen = ImageDraw.Draw(picture)
    for x, y, size in ((380, 420, 110), (1380, 700, 90), (420, 1060, 60)):
        for shift, rise, share in ((-1.2, 0.2, 0.7), (0, 0, 1), (1.2, 0.25, 0.75), (0.5, 0.35, 0.9), (-0.5, 0.4, 0.8)):
            half = size * share
            cx, cy = x + shift * size, y + rise * size
            pen.ellipse((cx - half, cy - half * 0.7, cx + half, cy + half * 0.7), fill=(250, 252, 255))
    sea = height * 76 // 100
    pen.rectangle((0, sea, width, height), fill=(36, 98, 148))
    chance = random.Random(7)
    for _ in range(120):
        x, y = chance.randint(0, width), chance.randint(sea + 20, height)
        half = 20 + (y - sea) // 8
        pen.arc((x - half, y - 10, x + half, y + 14), 180, 360, fill=(120, 176, 212), width=5)
    pen.polygon([(240, 2130), (420, 1850), (700, 1760), (1180, 1740), (1440, 1880), (1600, 2130)], fill=(96, 88, 84))
    pen.polygon([(420, 1850), (700, 1760), (820, 1960), (520, 2130), (240, 2130)], fill=(120, 110, 104))
    top, foot = 640, 1780
    for band in range(6):
        upper, lower = top + (foot - top) * band // 6, top + (foot - top) * (band + 1) // 6
        wide = [130 + 90 * (y - top) // (foot - top) for y in (upper, lower)]
        colour = (200, 44, 44) if band % 2 == 0 else (246, 244, 240)
        pen.polygon(
            [(930 - wide[0], upper), (930 + wide[0], upper), (930 + wide[1], lower), (930 - wide[1], lower)],
            fill=colour,
        )
    pen.rectangle((760, 600, 1100, 644), fill=(40, 44, 52))
    pen.rectangle((830, 440, 1030, 600), fill=(255, 236, 150))
    for x in (830, 896, 963, 1026):
        pen.line((x, 440, x, 600), fill=(40, 44, 52), width=10)
    pen.polygon([(800, 440), (1060, 440), (930, 310)], fill=(176, 36, 36))
    pen.rectangle((895, 1620, 975, 1775), fill=(70, 60, 56))
    return finer(picture)


def finer(picture: Image.Image) -> Image.Image:
    return picture.resize((picture.width // FINE, picture.height // FINE), Image.Resampling.LANCZOS)


def rolling_ball(path: Path) -> None:
    """Four seconds: a red and white ball rolls over a meadow from left to right and bounces once."""
    width, height, rate = 640, 360, 24
    ground = 285
    meadow = gradient(
        (width, height), (0, (120, 190, 240)), (0.6, (214, 236, 250)), (0.62, (112, 180, 84)), (1, (70, 140, 56))
    )
    pen = ImageDraw.Draw(meadow)
    pen.rectangle((520, 150, 536, 232), fill=(104, 72, 44))
    pen.ellipse((470, 70, 586, 180), fill=(58, 124, 52))
    with av.open(str(path), "w", options={"movflags": "+faststart"}) as container:
        stream = container.add_stream("libx264", rate=rate, options={"crf": "26", "preset": "slow"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.time_base = Fraction(1, rate)
        for number in range(4 * rate):
            at = number / (4 * rate)
            x = -50 + at * 740
            lift = abs(math.sin(at * 3 * math.pi)) * 110 * max(0.0, 1 - at * 1.4)
            picture = with_ball(meadow, x, ground - lift, ground, turn=(x / 42) * 57.3)
            frame = av.VideoFrame.from_image(picture)  # type: ignore[no-untyped-call]  # PyAV has no types for it
            frame.pts, frame.time_base = number, Fraction(1, rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def with_ball(meadow: Image.Image, x: float, y: float, ground: int, *, turn: float) -> Image.Image:
    big = meadow.resize((meadow.width * FINE, meadow.height * FINE))
    pen = ImageDraw.Draw(big)
    cx, cy, radius = x * FINE, y * FINE, 42 * FINE
    pen.ellipse((cx - radius, (ground + 32) * FINE, cx + radius, (ground + 48) * FINE), fill=(60, 112, 48))
    box = (cx - radius, cy - radius, cx + radius, cy + radius)
    pen.ellipse(box, fill=(250, 250, 250))
    for start in (0, 120, 240):
        pen.pieslice(box, start + turn, start + 60 + turn, fill=(214, 46, 46))
    pen.ellipse((cx - radius / 5, cy - radius / 5, cx + radius / 5, cy + radius / 5), fill=(250, 250, 250))
    return finer(big)


def exif(*, camera: str, taken: str, orientation: int = 1, place: tuple[float, float] | None = None) -> Image.Exif:
    """What a camera would write."""
    tags = Image.Exif()
    tags[ExifTags.Base.Make], tags[ExifTags.Base.Model] = camera.split(" ", 1)
    tags[ExifTags.Base.Orientation] = orientation
    tags.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = taken
    if place:
        north, east = place
        gps = tags.get_ifd(ExifTags.IFD.GPSInfo)
        gps[ExifTags.GPS.GPSLatitudeRef], gps[ExifTags.GPS.GPSLatitude] = "N" if north >= 0 else "S", degrees(north)
        gps[ExifTags.GPS.GPSLongitudeRef], gps[ExifTags.GPS.GPSLongitude] = "E" if east >= 0 else "W", degrees(east)
    return tags


def degrees(value: float) -> tuple[float, float, float]:
    minutes, seconds = divmod(round(abs(value) * 3600, 2), 60)
    whole, minutes = divmod(minutes, 60)
    return float(whole), float(minutes), float(seconds)


def main() -> None:
    taken = exif(camera="Example Camera-1", taken="2026:06:21 21:14:08")
    sunset().save(HERE / "sunset.jpg", quality=82, optimize=True, progressive=True, exif=taken)
    still_life().quantize(128, method=Image.Quantize.FASTOCTREE).save(HERE / "fruit.png", optimize=True)
    chart().save(HERE / "chart.webp", quality=80, method=6)
    # As phones do it: the sensor's rows run along the long side, and EXIF says how to turn them.
    phone = exif(camera="Example Phone-2", taken="2026:08:02 11:40:31", orientation=6, place=(54.1776, 12.0858))
    lighthouse().transpose(Image.Transpose.ROTATE_90).save(
        HERE / "lighthouse.jpg", quality=82, optimize=True, exif=phone
    )
    rolling_ball(HERE / "rolling-ball.mp4")


if __name__ == "__main__":
    main()
