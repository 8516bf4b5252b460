"""Still pictures through the guarded decoder: what arrives at an endpoint, of every format and every oddity."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

import media_samples as samples
from captiond.errors import Corrupt, Failure, NoPixels, TooManyPixels, Truncated, Unsupported
from captiond.media.guard import Guard, GuardLimits
from captiond.media.reader import read
from captiond.media.spec import EncodeSpec
from captiond.values import Encoded, ImagePart

SPEC = EncodeSpec(max_edge=200)


@pytest.fixture(scope="module")
def guard() -> Iterator[Guard]:
    guard = Guard(GuardLimits(seconds=30, memory_mb=1024))
    yield guard
    guard.close()


def encoded(guard: Guard, path: Path, spec: EncodeSpec = SPEC) -> tuple[Encoded, Image.Image]:
    result = guard.encode(read(str(path), None), spec)
    (part,) = result.parts
    assert isinstance(part, ImagePart)
    image = samples.opened_jpeg(part.data)
    assert image.size == (part.width, part.height)
    return result, image


MAKERS: dict[str, Callable[[Path], Path]] = {
    "jpeg": samples.jpeg,
    "progressive": lambda path: samples.jpeg(path, progressive=True),
    "cmyk": samples.cmyk_jpeg,
    "png": samples.png,
    "png16": samples.png_16bit_rgb,
    "webp": samples.webp,
    "gif": samples.gif,
    "bmp": samples.bmp,
    "tiff": samples.tiff,
    "tiff-jpeg": lambda path: samples.tiff(path, compression="jpeg"),
    "turned-tiff": samples.turned_tiff,
    "heic": samples.heic,
    "heic-burst": samples.heic_burst,
    "tiff-of-pages": samples.tiff_of_pages,
    "tiff-thumbnail-first": lambda path: samples.tiff_of_pages(path, thumbnail_first=True),
    "big-tiff": lambda path: samples.tiff(path, big_tiff=True, compression=None),
    "psd": samples.psd,
    "psd16": lambda path: samples.psd(path, bits=16),
    "psd16-cmyk": lambda path: samples.psd(path, samples.scene().convert("CMYK"), bits=16),
    "psd-cmyk": lambda path: samples.psd(path, samples.scene().convert("CMYK")),
    "psd-lab": lambda path: samples.psd(path, _lab()),
    "mpo": samples.mpo,
    "jxl": samples.jxl,
    "jxl-lossy": lambda path: samples.jxl(path, lossless=False, distance=1.0),
    "jxl-container": lambda path: samples.jxl(path, usecontainer=True),
    "jxl-alpha": lambda path: samples.jxl(path, samples.scene().convert("RGBA")),
    "jxl-of-jpeg": samples.jxl_of_jpeg,
    "avif": samples.avif,
    "lab-tiff": lambda path: samples.tiff(path, _lab(), compression=None),
    "palette": lambda path: samples.png(path, samples.scene().quantize(16)),
}


def _lab() -> Image.Image:
    from PIL import ImageCms

    transform = ImageCms.buildTransform(ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB")
    image = transform.apply(samples.scene())
    assert image is not None
    return image


@pytest.mark.parametrize("name", MAKERS)
def test_every_format_arrives_as_a_jpeg_within_the_edge_and_shows_the_scene(
    guard: Guard, tmp_path: Path, name: str
) -> None:
    result, image = encoded(guard, MAKERS[name](tmp_path / "named.anything"))
    assert (result.facts.width, result.facts.height) == (320, 240)
    assert image.size == (200, 150)
    assert image.mode == "RGB"
    within = 60 if "cmyk" in name else 24
    for seen, meant in zip(samples.quarters(image), samples.QUARTERS, strict=True):
        assert samples.near(seen, meant, within), (name, seen, meant)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("edge", [100, 1568])
def test_exif_orientation_is_applied(guard: Guard, tmp_path: Path, orientation: int, edge: int) -> None:
    path = samples.turned_jpeg(tmp_path / "turned.jpg", orientation)
    result, image = encoded(guard, path, EncodeSpec(max_edge=edge))
    assert (result.facts.width, result.facts.height) == (320, 240)
    assert image.size == ((100, 75) if edge == 100 else (320, 240))
    assert image.getexif().get(0x0112, 1) == 1
    for seen, meant in zip(samples.quarters(image), samples.QUARTERS, strict=True):
        assert samples.near(seen, meant)


def test_a_heic_that_says_it_is_turned_is_turned_once(guard: Guard, tmp_path: Path) -> None:
    stored = samples.scene().transpose(Image.Transpose.ROTATE_90)
    _result, image = encoded(guard, samples.heic(tmp_path / "a.heic", stored, exif=samples.exif(6)))
    assert image.size == (200, 150)
    assert all(samples.near(s, m) for s, m in zip(samples.quarters(image), samples.QUARTERS, strict=True))


def test_an_avif_that_says_it_is_turned_is_turned_once(guard: Guard, tmp_path: Path) -> None:
    stored = samples.scene().transpose(Image.Transpose.ROTATE_90)
    _result, image = encoded(guard, samples.avif(tmp_path / "a.avif", stored, exif=samples.exif(6)))
    assert image.size == (200, 150)
    assert all(samples.near(s, m) for s, m in zip(samples.quarters(image), samples.QUARTERS, strict=True))


def test_a_small_jpeg_that_fits_is_sent_as_it_is(guard: Guard, tmp_path: Path) -> None:
    path = samples.jpeg(tmp_path / "small.jpg", exif=samples.exif(1, camera=True, date="2024:05:06 07:08:09"))
    result, _image = encoded(guard, path, EncodeSpec())
    (part,) = result.parts
    assert isinstance(part, ImagePart)
    assert part.data == path.read_bytes()
    assert result.facts.camera == "NIKON D750"
    assert result.facts.taken_at == "2024-05-06T07:08:09"


def test_a_small_jpeg_with_a_place_in_it_is_sent_without_its_metadata_and_otherwise_untouched(
    guard: Guard, tmp_path: Path
) -> None:
    path = samples.jpeg(tmp_path / "small.jpg", exif=samples.exif(gps=(48.2082, 16.3738)), comment=b"of the family")
    result, image = encoded(guard, path, EncodeSpec())
    (part,) = result.parts
    assert isinstance(part, ImagePart)
    assert part.data[part.data.index(b"\xff\xdb") :] == path.read_bytes()[path.read_bytes().index(b"\xff\xdb") :]
    assert b"Exif" not in part.data
    assert b"family" not in part.data
    assert image.tobytes() == Image.open(path).tobytes()
    assert (result.facts.latitude, result.facts.longitude) == (48.2082, 16.3738)


@pytest.mark.parametrize("edge", [100, 200])
def test_what_is_encoded_anew_carries_no_metadata(guard: Guard, tmp_path: Path, edge: int) -> None:
    path = samples.jpeg(
        tmp_path / "a.jpg", exif=samples.exif(6, gps=(-33.9, -18.4), camera=True), comment=b"of the family"
    )
    result, image = encoded(guard, path, EncodeSpec(max_edge=edge))
    assert not image.getexif()
    assert "comment" not in image.info
    assert (result.facts.latitude, result.facts.longitude) == (-33.9, -18.4)


def test_a_picture_is_never_made_larger(guard: Guard, tmp_path: Path) -> None:
    _result, image = encoded(guard, samples.png(tmp_path / "a.png", samples.scene(50, 40)), EncodeSpec())
    assert image.size == (50, 40)


def test_a_wide_gamut_profile_becomes_srgb(guard: Guard, tmp_path: Path) -> None:
    muted = Image.new("RGB", (64, 64), (128, 160, 96))
    path = samples.jpeg(tmp_path / "p3.jpg", muted, icc_profile=samples.wide_gamut_profile())
    _result, image = encoded(guard, path, EncodeSpec())
    red, green, blue = image.getpixel((32, 32))  # type: ignore[misc]  # an RGB pixel is a triple
    # The same numbers mean stronger colours in a wide space: in sRGB they lie further from grey.
    assert green - red > 38
    assert green - blue > 68
    assert "icc_profile" not in image.info


def test_a_small_jpeg_that_says_it_is_srgb_is_sent_as_it_is(guard: Guard, tmp_path: Path) -> None:
    path = samples.jpeg(tmp_path / "srgb.jpg", icc_profile=samples.srgb_profile())
    result, _image = encoded(guard, path, EncodeSpec())
    assert isinstance(result.parts[0], ImagePart)
    assert result.parts[0].data == path.read_bytes()


def test_a_broken_profile_is_ignored(guard: Guard, tmp_path: Path) -> None:
    path = samples.jpeg(tmp_path / "a.jpg", icc_profile=b"nothing of use" * 20)
    _result, image = encoded(guard, path)
    assert all(samples.near(s, m) for s, m in zip(samples.quarters(image), samples.QUARTERS, strict=True))


@pytest.mark.parametrize("edge", [100, 1568])
def test_16_bit_grey_is_scaled_and_not_clipped(guard: Guard, tmp_path: Path, edge: int) -> None:
    _result, image = encoded(guard, samples.png_16bit_grey(tmp_path / "a.png"), EncodeSpec(max_edge=edge))
    assert image.mode == "L"
    values = [image.getpixel((image.width * i // 4, image.height // 2)) for i in range(1, 4)]
    for value, meant in zip(values, (64, 128, 192), strict=True):
        assert isinstance(value, int)
        assert abs(value - meant) < 8


def test_12_bit_grey_is_not_shown_as_black(guard: Guard, tmp_path: Path) -> None:
    _result, image = encoded(guard, samples.tiff_of_bits(tmp_path / "a.tif", 12))
    values = [image.getpixel((image.width * i // 4, image.height // 2)) for i in range(1, 4)]
    assert all(isinstance(v, int) and abs(v - m) < 8 for v, m in zip(values, (64, 128, 192), strict=True))


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (0.0, 255.0), (-5.0, 5000.0)])
def test_float_pictures_are_scaled_into_black_and_white(guard: Guard, tmp_path: Path, low: float, high: float) -> None:
    import numpy as np

    ramp = np.tile(np.linspace(low, high, 256, dtype=np.float32), (64, 1))
    _result, image = encoded(guard, samples.tiff(tmp_path / "a.tif", Image.fromarray(ramp), compression=None))
    values = [image.getpixel((image.width * i // 4, image.height // 2)) for i in range(1, 4)]
    assert all(isinstance(v, int) and abs(v - m) < 8 for v, m in zip(values, (64, 128, 192), strict=True))


@pytest.mark.parametrize("make", [samples.png_alpha, samples.png_palette_alpha])
def test_what_is_transparent_becomes_white(guard: Guard, tmp_path: Path, make: Callable[[Path], Path]) -> None:
    _result, image = encoded(guard, make(tmp_path / "a.png"))
    seen = samples.quarters(image)
    assert samples.near(seen[0], (255, 255, 255), 6)
    assert samples.near(seen[3], samples.YELLOW)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "CMYK"])
def test_every_mode_keeps_light_and_dark(guard: Guard, tmp_path: Path, mode: str) -> None:
    half = Image.new("L", (300, 200), 0)
    half.paste(255, (150, 0, 300, 200))
    path = tmp_path / "a.tif"
    half.convert(mode).save(path, "TIFF")
    _result, image = encoded(guard, path)
    dark, light = image.convert("L").getpixel((40, 60)), image.convert("L").getpixel((160, 60))
    assert isinstance(dark, int)
    assert isinstance(light, int)
    assert dark < 12
    assert light > 243


@pytest.mark.parametrize("turned", [False, True])
def test_a_panoramas_short_edge_keeps_its_pixels(guard: Guard, tmp_path: Path, turned: bool) -> None:
    size = (800, 6000) if turned else (6000, 800)
    result, image = encoded(guard, samples.jpeg(tmp_path / "a.jpg", samples.scene(*size)), EncodeSpec())
    assert (result.facts.width, result.facts.height) == size
    assert min(image.size) == 512
    assert max(image.size) == 3840
    assert all(samples.near(s, m) for s, m in zip(samples.quarters(image), samples.QUARTERS, strict=True))


@pytest.mark.parametrize(
    ("size", "sent"),
    [
        ((4000, 1000), (1568, 392)),  # 4:1 is no panorama yet
        ((3000, 300), (3000, 300)),  # no more than there is
        ((30_000, 1000), (8000, 267)),  # nor more than any endpoint takes
        ((9000, 20), (8000, 18)),
    ],
)
def test_a_panorama_is_sent_within_what_it_has(
    guard: Guard, tmp_path: Path, size: tuple[int, int], sent: tuple[int, int]
) -> None:
    _result, image = encoded(guard, samples.png(tmp_path / "a.png", samples.scene(*size)), EncodeSpec())
    assert image.size == sent


def test_a_panorama_stays_within_the_endpoints_bytes(guard: Guard, tmp_path: Path) -> None:
    path = samples.jpeg(tmp_path / "a.jpg", samples.photo(6000, 800))
    result, image = encoded(guard, path, EncodeSpec(max_bytes=60_000))
    assert isinstance(result.parts[0], ImagePart)
    assert len(result.parts[0].data) <= 60_000
    assert abs(image.width / image.height - 7.5) < 0.1


def test_a_panorama_that_fits_as_it_is_is_sent_so(guard: Guard, tmp_path: Path) -> None:
    path = samples.jpeg(tmp_path / "a.jpg", samples.scene(3000, 500))
    result, _image = encoded(guard, path, EncodeSpec())
    assert isinstance(result.parts[0], ImagePart)
    assert result.parts[0].data == path.read_bytes()


@pytest.mark.parametrize("thumbnail_first", [False, True])
def test_the_pages_of_a_document_are_counted_and_a_thumbnail_is_none(
    guard: Guard, tmp_path: Path, thumbnail_first: bool
) -> None:
    path = samples.tiff_of_pages(tmp_path / "a.tif", 3, thumbnail_first=thumbnail_first)
    assert encoded(guard, path)[0].facts.pages == 3
    assert encoded(guard, samples.tiff(tmp_path / "b.tif"))[0].facts.pages is None
    big = samples.tiff_of_pages(tmp_path / "c.tif", 2, big_tiff=True)
    assert encoded(guard, big)[0].facts.pages == 2


def test_a_document_whose_later_pages_are_broken_shows_its_first(guard: Guard, tmp_path: Path) -> None:
    path = samples.tiff_of_pages(tmp_path / "a.tif", 3, compression=None)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3 - 2000])
    result, image = encoded(guard, path)
    assert result.facts.pages == 2
    assert samples.near(samples.quarters(image)[0], samples.RED)


def test_a_photoshop_pictures_fourth_channel_is_transparency_only_where_it_says_so(
    guard: Guard, tmp_path: Path
) -> None:
    picture = samples.scene().convert("RGBA")
    picture.putalpha(Image.new("L", picture.size, 0))
    _result, kept = encoded(guard, samples.psd(tmp_path / "selection.psd", picture, layers=2))
    assert samples.near(samples.quarters(kept)[0], samples.RED)
    _result, clear = encoded(guard, samples.psd(tmp_path / "transparent.psd", picture, layers=-2))
    assert samples.near(samples.quarters(clear)[0], (255, 255, 255), 4)


def test_a_photoshop_pictures_profile_is_applied(guard: Guard, tmp_path: Path) -> None:
    muted = Image.new("RGB", (64, 64), (128, 160, 96))
    _result, image = encoded(guard, samples.psd(tmp_path / "a.psd", muted, profile=samples.wide_gamut_profile()))
    red, green, blue = image.getpixel((32, 32))  # type: ignore[misc]  # an RGB pixel is a triple
    assert green - red > 38
    assert green - blue > 68


@pytest.mark.parametrize("kind", ["uint8", "uint16", "float32"])
def test_a_grey_jpeg_xl_keeps_its_scale_at_every_depth(guard: Guard, tmp_path: Path, kind: str) -> None:
    import imagecodecs
    import numpy as np

    most = {"uint8": 255, "uint16": 65535, "float32": 1.0}[kind]
    ramp = np.tile(np.linspace(0, most, 256), (64, 1)).astype(kind)
    path = tmp_path / "a.jxl"
    path.write_bytes(imagecodecs.jpegxl_encode(ramp, lossless=True))
    _result, image = encoded(guard, path)
    values = [image.convert("L").getpixel((image.width * i // 4, image.height // 2)) for i in range(1, 4)]
    assert all(isinstance(v, int) and abs(v - m) < 8 for v, m in zip(values, (64, 128, 192), strict=True))


def test_a_jpeg_xl_that_was_a_jpeg_has_its_metadata_and_stands_upright(guard: Guard, tmp_path: Path) -> None:
    path = samples.jxl_of_jpeg(tmp_path / "a.jxl", exif=samples.exif(6, camera=True, date="2024:05:06 07:08:09"))
    result, image = encoded(guard, path)
    assert (result.facts.width, result.facts.height) == (240, 320)
    assert result.facts.camera == "NIKON D750"
    assert result.facts.taken_at == "2024-05-06T07:08:09"
    assert image.size == (150, 200)
    assert samples.near(samples.quarters(image)[1], samples.RED)


def test_a_small_jpeg_xl_that_was_a_jpeg_is_sent_as_a_jpeg(guard: Guard, tmp_path: Path) -> None:
    result, _image = encoded(guard, samples.jxl_of_jpeg(tmp_path / "a.jxl"), EncodeSpec())
    assert isinstance(result.parts[0], ImagePart)
    assert result.parts[0].data.startswith(b"\xff\xd8\xff")


def test_of_a_large_3d_picture_the_first_is_shown(guard: Guard, tmp_path: Path) -> None:
    result, image = encoded(guard, samples.mpo(tmp_path / "a.mpo", (2400, 1800)), EncodeSpec())
    assert result.facts.mime == "image/jpeg"
    assert not result.facts.animated
    assert image.size == (1568, 1176)
    assert all(samples.near(s, m) for s, m in zip(samples.quarters(image), samples.QUARTERS, strict=True))


@pytest.mark.parametrize("primary", [0, 2])
def test_of_a_burst_the_primary_shot_is_shown(guard: Guard, tmp_path: Path, primary: int) -> None:
    result, image = encoded(guard, samples.heic_burst(tmp_path / "a.heic", primary))
    assert not result.facts.animated
    assert samples.near(samples.quarters(image)[0], samples.RED)


def test_quality_and_then_size_go_down_until_the_bytes_fit(guard: Guard, tmp_path: Path) -> None:
    import numpy as np

    noise = np.random.default_rng(3).integers(0, 256, (900, 1200, 3), np.uint8)
    path = samples.png(tmp_path / "noise.png", Image.fromarray(noise))
    result, image = encoded(guard, path, EncodeSpec(max_bytes=60_000))
    assert isinstance(result.parts[0], ImagePart)
    assert len(result.parts[0].data) <= 60_000
    assert image.width < 1200
    assert abs(image.width / image.height - 4 / 3) < 0.02


def test_a_small_jpeg_of_too_many_bytes_is_encoded_anew(guard: Guard, tmp_path: Path) -> None:
    path = samples.jpeg(tmp_path / "a.jpg", samples.photo(1200, 900), quality=100)
    assert path.stat().st_size > 300_000
    result, _image = encoded(guard, path, EncodeSpec(max_bytes=300_000))
    assert isinstance(result.parts[0], ImagePart)
    assert len(result.parts[0].data) <= 300_000


def _jxl_of_a_gigapixel(path: Path) -> Path:
    """A codestream whose header says 32,768 x 32,768: not small, 18 bits of height, and as wide."""
    bits = 0 | 2 << 1 | 32_767 << 3 | 1 << 21
    path.write_bytes(b"\xff\x0a" + bits.to_bytes(8, "little") + bytes(100))
    return path


BROKEN: list[tuple[str, Callable[[Path], Path], type[Failure]]] = [
    ("truncated jpeg", lambda p: samples.truncated(samples.jpeg(p)), Truncated),
    ("truncated small jpeg header", lambda p: samples.truncated(samples.jpeg(p), 0.01), Truncated),
    ("truncated progressive", lambda p: samples.truncated(samples.jpeg(p, progressive=True)), Truncated),
    ("truncated png", lambda p: samples.truncated(samples.png(p, samples.photo(300, 200))), Truncated),
    ("truncated webp", lambda p: samples.truncated(samples.webp(p)), Truncated),
    ("truncated gif", lambda p: samples.truncated(samples.gif(p), 0.3), Truncated),
    ("truncated bmp", lambda p: samples.truncated(samples.bmp(p)), Truncated),
    ("truncated tiff", lambda p: samples.truncated(samples.tiff(p, compression=None)), Truncated),
    ("truncated packed tiff", lambda p: samples.truncated(samples.tiff(p)), Truncated),
    ("truncated heic", lambda p: samples.truncated(samples.heic(p)), Truncated),
    ("truncated avif", lambda p: samples.truncated(samples.avif(p)), Truncated),
    ("garbage png", lambda p: samples.garbage_after(samples.png(p), 33), Corrupt),
    ("garbage jpeg", lambda p: samples.garbage_after(samples.jpeg(p), 20), Corrupt),
    ("garbage jpeg at once", lambda p: samples.garbage_after(samples.jpeg(p), 3), Corrupt),
    ("garbage webp", lambda p: samples.garbage_after(samples.webp(p), 16), Corrupt),
    ("garbage heic", lambda p: samples.garbage_after(samples.heic(p), 40), Corrupt),
    ("garbage gif", lambda p: samples.garbage_after(samples.gif(p), 13), Corrupt),
    ("garbage tiff", lambda p: samples.garbage_after(samples.tiff(p), 8, 9000), Corrupt),
    ("no pixels", lambda p: samples.png_of_size(p, 0, 0), NoPixels),
    ("no height", lambda p: samples.png_of_size(p, 20, 0), NoPixels),
    ("gif of no pixels", samples.gif_of_no_pixels, NoPixels),
    ("300 megapixels", lambda p: samples.png_of_size(p, 20_000, 15_000), TooManyPixels),
    ("truncated psd", lambda p: samples.truncated(samples.psd(p)), Truncated),
    ("psd cut in its head", lambda p: samples.truncated(samples.psd(p), 0.0002), Truncated),
    ("psd of 32 bits", lambda p: samples.psd(p, bits=32), Unsupported),
    ("psd without its flattened picture", lambda p: samples.psd(p, flattened=False), Unsupported),
    ("psd of no pixels", lambda p: _with_zeros(samples.psd(p), 14, 22), NoPixels),
    ("truncated jxl", lambda p: samples.truncated(samples.jxl(p, samples.photo(300, 200))), Truncated),
    ("truncated jxl of a jpeg", lambda p: samples.truncated(samples.jxl_of_jpeg(p)), Truncated),
    ("garbage jxl", lambda p: samples.garbage_after(samples.jxl(p), 8, 9000), Corrupt),
    ("jxl of a gigapixel", _jxl_of_a_gigapixel, TooManyPixels),
    ("tiff of 32 bits a colour", lambda p: samples.tiff_of_bits(p, 32, colours=3), Unsupported),
    ("tiff compressed as webp", lambda p: samples.tiff_of_bits(p, 8, compression=50001), Unsupported),
    ("raw-like tiff", samples.raw_like_tiff, Unsupported),
    ("bad checksum", lambda p: _with_byte(samples.png(p, samples.photo(300, 200)), 5000), Corrupt),
]


def _with_zeros(path: Path, start: int, end: int) -> Path:
    data = path.read_bytes()
    path.write_bytes(data[:start] + bytes(end - start) + data[end:])
    return path


def _with_byte(path: Path, at: int) -> Path:
    data = bytearray(path.read_bytes())
    data[at] ^= 0xFF
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(("name", "make", "failure"), BROKEN, ids=[name for name, _make, _failure in BROKEN])
def test_a_broken_file_fails_with_its_own_reason_and_the_child_goes_on(
    guard: Guard, tmp_path: Path, name: str, make: Callable[[Path], Path], failure: type[Failure]
) -> None:
    encoded(guard, samples.jpeg(tmp_path / "before.jpg"))
    before = guard.pid
    with pytest.raises(Failure) as caught:
        guard.encode(read(str(make(tmp_path / "x")), None), EncodeSpec())
    assert type(caught.value) is failure, (name, caught.value.message)
    encoded(guard, samples.jpeg(tmp_path / "after.jpg"))
    assert guard.pid == before


def test_measures_name_the_colours_in_plain_words(guard: Guard, tmp_path: Path) -> None:
    result, _image = encoded(guard, samples.png(tmp_path / "a.png"), EncodeSpec(measure=True))
    assert result.measures is not None
    assert {name for name, _share in result.measures.colours} == {"red", "green", "blue", "yellow"}
    assert all(0.2 < share < 0.3 for _name, share in result.measures.colours)
