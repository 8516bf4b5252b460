"""Real media files of every kind, made when a test asks for them: good ones, odd ones and broken ones.

Every function writes one file at `path` and returns it. The picture is always the same kind of scene: four quarters
of plain colour, red and green above, blue and yellow below, so that turning, mirroring and colour can be seen.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pillow_heif
from PIL import ExifTags, Image, ImageCms, TiffImagePlugin

pillow_heif.register_heif_opener()

RED, GREEN, BLUE, YELLOW = (220, 30, 30), (30, 170, 40), (40, 60, 210), (235, 215, 30)
QUARTERS = (RED, GREEN, BLUE, YELLOW)


def scene(width: int = 320, height: int = 240) -> Image.Image:
    """The picture that all samples show: red, green / blue, yellow."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[: height // 2, : width // 2] = RED
    pixels[: height // 2, width // 2 :] = GREEN
    pixels[height // 2 :, : width // 2] = BLUE
    pixels[height // 2 :, width // 2 :] = YELLOW
    return Image.fromarray(pixels)


def photo(width: int = 4000, height: int = 3000, seed: int = 1) -> Image.Image:
    """A picture with soft shapes and fine noise: as hard to decode and encode as a photo of that size."""
    random = np.random.default_rng(seed)
    soft = Image.fromarray(random.integers(0, 256, (max(2, height // 100), max(2, width // 100), 3), np.uint8))
    base = np.asarray(soft.resize((width, height), Image.Resampling.BICUBIC), np.int16)
    noise = random.normal(0, 3, (height, width, 1)).astype(np.int16)
    return Image.fromarray(np.clip(base + noise, 0, 255).astype(np.uint8))


def quarters(image: Image.Image) -> list[tuple[int, int, int]]:
    """The colours in the middle of each quarter: upper left, upper right, lower left, lower right."""
    rgb = image.convert("RGB")
    width, height = rgb.size
    points = [(width // 4, height // 4), (width * 3 // 4, height // 4)]
    points += [(width // 4, height * 3 // 4), (width * 3 // 4, height * 3 // 4)]
    return [rgb.getpixel(point) for point in points]  # type: ignore[misc]  # an RGB pixel is a triple


def near(one: tuple[int, ...], other: tuple[int, ...], within: int = 24) -> bool:
    """Whether two colours look alike."""
    return all(abs(a - b) <= within for a, b in zip(one, other, strict=True))


# --- pictures -------------------------------------------------------------------------------------------------------


def jpeg(path: Path, image: Image.Image | None = None, **save: Any) -> Path:
    """A plain JPEG."""
    (image or scene()).save(path, "JPEG", **{"quality": 90, **save})
    return path


def exif(
    orientation: int | None = None,
    *,
    gps: tuple[float, float] | None = None,
    camera: bool = False,
    date: str | None = None,
) -> bytes:
    """EXIF with an orientation, a place, a camera and a date."""
    tags = Image.Exif()
    if orientation is not None:
        tags[ExifTags.Base.Orientation] = orientation
    if camera:
        tags[ExifTags.Base.Make], tags[ExifTags.Base.Model] = "NIKON CORPORATION", "NIKON D750"
    if date:
        tags.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = date
    if gps is not None:
        place = tags.get_ifd(ExifTags.IFD.GPSInfo)
        latitude, longitude = gps
        place[1], place[2] = "N" if latitude >= 0 else "S", _sexagesimal(abs(latitude))
        place[3], place[4] = "E" if longitude >= 0 else "W", _sexagesimal(abs(longitude))
    return tags.tobytes()


def turned_jpeg(path: Path, orientation: int, size: tuple[int, int] = (320, 240)) -> Path:
    """A JPEG stored so that, with its EXIF orientation applied, it shows the scene upright at `size`."""
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = scene(*size)
    if orientation in undo:
        stored = stored.transpose(undo[orientation])
    return jpeg(path, stored, exif=exif(orientation))


def cmyk_jpeg(path: Path) -> Path:
    """A CMYK JPEG as Photoshop writes it: with an Adobe marker, and inverted."""
    return jpeg(path, scene().convert("CMYK"))


def png(path: Path, image: Image.Image | None = None) -> Path:
    """A plain PNG."""
    (image or scene()).save(path, "PNG")
    return path


def png_16bit_grey(path: Path) -> Path:
    """A grey ramp from black to white in 16 bits."""
    ramp = np.tile(np.linspace(0, 65535, 256).astype(np.uint16), (64, 1))
    Image.fromarray(ramp).save(path, "PNG")
    return path


def png_16bit_rgb(path: Path) -> Path:
    """The scene in 16 bits a channel, which Pillow can't write."""
    pixels = np.asarray(scene()).astype(">u2") * 257
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)
    path.write_bytes(_png(320, 240, zlib.compress(rows), bits=16))
    return path


def png_palette_alpha(path: Path) -> Path:
    """A palette picture whose upper half is transparent."""
    picture = scene().quantize(8)
    clear = picture.getpixel((10, 10))
    picture.save(path, "PNG", transparency=clear)
    return path


def png_alpha(path: Path) -> Path:
    """The scene, its left half transparent."""
    picture = scene().convert("RGBA")
    picture.paste((0, 0, 0, 0), (0, 0, 160, 240))
    return png(path, picture)


def webp(path: Path, image: Image.Image | None = None) -> Path:
    """A WebP."""
    (image or scene()).save(path, "WEBP", quality=90)
    return path


def gif(path: Path) -> Path:
    """A GIF of one frame."""
    scene().save(path, "GIF")
    return path


def animation(
    path: Path,
    format_: str = "GIF",
    *,
    frames: int = 20,
    milliseconds: int | list[int] = 100,
    size: tuple[int, int] = (320, 240),
    draw: Callable[[int], Image.Image] | None = None,
    **save: Any,
) -> Path:
    """The clock scene as an animation: the grey in the middle rises from black to white over its frames."""
    first, *others = [draw(number) if draw else clock_scene(number / frames, size) for number in range(frames)]
    if format_ == "WEBP":
        save = {"lossless": True, **save}
    first.save(path, format_, save_all=True, append_images=others, duration=milliseconds, **save)
    return path


def bmp(path: Path) -> Path:
    """A BMP."""
    scene().save(path, "BMP")
    return path


def tiff(path: Path, image: Image.Image | None = None, **save: Any) -> Path:
    """A TIFF with LZW."""
    (image or scene()).save(path, "TIFF", **{"compression": "tiff_lzw", **save})
    return path


def tiff_of_bits(path: Path, bits: int, *, colours: int = 1, compression: int = 1) -> Path:
    """A plain TIFF of 256 x 64 pixels with a ramp from black to white, of so many bits a value."""
    ramp = [x * ((1 << bits) - 1) // 255 for x in range(256) for _ in range(colours)]
    row = sum(value << bits * place for place, value in enumerate(reversed(ramp))).to_bytes(
        len(ramp) * bits // 8, "big"
    )
    tags = [
        (256, 4, 1, 256), (257, 4, 1, 64), (258, 3, colours, bits), (259, 3, 1, compression),
        (262, 3, 1, 1 if colours == 1 else 2), (273, 4, 1, 200), (277, 3, 1, colours), (278, 4, 1, 64),
        (279, 4, 1, len(row) * 64),
    ]  # fmt: skip
    entries = b"".join(
        struct.pack("<HHI", tag, kind, count)
        + (
            struct.pack("<I", 180)
            if count > 2
            else struct.pack("<I", value)
            if kind == 4
            else struct.pack("<HH", value, 0)
        )
        for tag, kind, count, value in tags
    )
    head = struct.pack("<2sHI", b"II", 42, 8) + struct.pack("<H", len(tags)) + entries + bytes(4)
    head = head.ljust(180, b"\0") + struct.pack(f"<{colours}H", *[bits] * colours)
    path.write_bytes(head.ljust(200, b"\0") + row * 64)
    return path


def turned_tiff(path: Path) -> Path:
    """A TIFF that its orientation tag turns upright."""
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[ExifTags.Base.Orientation] = 6
    scene().transpose(Image.Transpose.ROTATE_90).save(path, "TIFF", tiffinfo=tags)
    return path


def tiff_of_pages(path: Path, count: int = 3, *, thumbnail_first: bool = False, **save: Any) -> Path:
    """A TIFF of which the first page is the scene and the others are black; a thumbnail of black may go before them."""
    pages = [scene(), *(Image.new("RGB", (320, 240)) for _ in range(count - 1))]
    if thumbnail_first:
        small = Image.new("RGB", (40, 30))
        small.encoderinfo = {"tiffinfo": {254: 1}}
        pages.insert(0, small)
    pages[0].save(path, "TIFF", save_all=True, append_images=pages[1:], **save)
    return path


def psd(
    path: Path,
    image: Image.Image | None = None,
    *,
    bits: int = 8,
    layers: int = 0,
    flattened: bool = True,
    profile: bytes = b"",
    version: int = 1,
) -> Path:
    """A Photoshop document, written by hand: its flattened picture, and as much of the rest as tells of it.

    `layers` is the number that it says it has; below zero, a fourth channel is transparency.
    """
    image = image or scene()
    modes = {"L": 1, "RGB": 3, "RGBA": 3, "CMYK": 4, "LAB": 9}
    planes = [np.asarray(plane) for plane in image.split()]
    if image.mode == "CMYK":  # kept as light, not as ink
        planes = [255 - plane for plane in planes]
    if bits == 16:
        planes = [plane.astype(">u2") * 257 for plane in planes]
    resources = b"8BIM" + struct.pack(">HHI", 1057, 0, 6) + struct.pack(">IBx", 1, flattened)
    if profile:
        resources += b"8BIM" + struct.pack(">HHI", 1039, 0, len(profile)) + profile + bytes(len(profile) % 2)
    about_layers = struct.pack(">IIh", 6, 2, layers) if layers else struct.pack(">I", 0)
    head = struct.pack(">4sH6xHIIHH", b"8BPS", version, len(planes), image.height, image.width, bits, modes[image.mode])
    data = b"".join(plane.tobytes() for plane in planes)
    path.write_bytes(
        head + struct.pack(">II", 0, len(resources)) + resources + about_layers + struct.pack(">H", 0) + data
    )
    return path


def jxl(path: Path, image: Image.Image | None = None, **save: Any) -> Path:
    """A JPEG XL."""
    import imagecodecs

    path.write_bytes(imagecodecs.jpegxl_encode(np.asarray(image or scene()), **{"lossless": True, **save}))
    return path


def jxl_of_jpeg(path: Path, **save: Any) -> Path:
    """A JPEG XL that was made of a JPEG, and gives it back."""
    import imagecodecs

    target = io.BytesIO()
    scene().save(target, "JPEG", quality=90, **save)
    path.write_bytes(imagecodecs.jpegxl_encode_jpeg(target.getvalue()))
    return path


def mpo(path: Path, size: tuple[int, int] = (320, 240)) -> Path:
    """A 3D camera's JPEG: the scene, and a second picture of black behind it."""
    scene(*size).save(path, "MPO", save_all=True, append_images=[Image.new("RGB", size)], quality=90)
    return path


def heic_burst(path: Path, primary: int = 1) -> Path:
    """A HEIC of three shots of which one is the primary: that is the scene, the others are black."""
    shots = [scene() if number == primary else Image.new("RGB", (320, 240)) for number in range(3)]
    shots[0].save(path, "HEIF", save_all=True, append_images=shots[1:], primary_index=primary, quality=80)
    return path


def raw_like_tiff(path: Path) -> Path:
    """What a camera's raw photo looks like from outside: a TIFF whose first picture is a thumbnail."""
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[254] = 1
    scene(160, 120).save(path, "TIFF", tiffinfo=tags)
    return path


def heic(path: Path, image: Image.Image | None = None, **save: Any) -> Path:
    """A HEIC."""
    (image or scene()).save(path, "HEIF", **{"quality": 80, **save})
    return path


def avif(path: Path, image: Image.Image | None = None, **save: Any) -> Path:
    """An AVIF."""
    (image or scene()).save(path, "AVIF", **{"quality": 80, "speed": 10, **save})
    return path


def wide_gamut_profile() -> bytes:
    """An ICC profile of Display P3's primaries and gamma 2.2, built by hand: matrix and curves, version 2."""
    # Red, green and blue in the profile connection space (D50), as in Apple's "Display P3".
    colorants = {b"rXYZ": (0.51512, 0.24120, -0.00105), b"gXYZ": (0.29198, 0.69225, 0.04189)}
    colorants[b"bXYZ"] = (0.15710, 0.06657, 0.78407)
    white = (0.96420, 1.0, 0.82491)
    tags = {tag: _xyz(*value) for tag, value in colorants.items()}
    tags |= {
        b"wtpt": _xyz(*white),
        **dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), b"curv" + struct.pack(">IIHxx", 0, 1, 563)),
    }
    name = b"Wide test profile\0"
    tags |= {
        b"desc": b"desc" + struct.pack(">II", 0, len(name)) + name + bytes(78),
        b"cprt": b"text\0\0\0\0none\0\0\0\0",
    }
    table, body, at = b"", b"", 128 + 4 + 12 * len(tags)
    for tag, data in tags.items():
        table += tag + struct.pack(">II", at + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    head = struct.pack(">I4sI4s4s4s", at + len(body), b"\0\0\0\0", 0x02400000, b"mntr", b"RGB ", b"XYZ ")
    head += struct.pack(">6H4s", 2024, 1, 1, 0, 0, 0, b"acsp") + bytes(28) + _s15(*white)
    return head + bytes(128 - len(head)) + struct.pack(">I", len(tags)) + table + body


def srgb_profile() -> bytes:
    """The sRGB profile that Little CMS makes."""
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


# --- broken pictures ------------------------------------------------------------------------------------------------


def truncated(path: Path, share: float = 0.6) -> Path:
    """The same file, cut off."""
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    return path


def garbage_after(path: Path, keep: int = 40, size: int = 5000) -> Path:
    """A file that begins as it should and goes on with noise."""
    noise = np.random.default_rng(7).integers(0, 256, size, np.uint8).tobytes()
    path.write_bytes(path.read_bytes()[:keep] + noise)
    return path


def damaged(path: Path, start: float = 0.45, end: float = 0.55) -> Path:
    """The same file, with noise in its middle."""
    data = bytearray(path.read_bytes())
    first, last = int(len(data) * start), int(len(data) * end)
    data[first:last] = np.random.default_rng(7).integers(0, 256, last - first, np.uint8).tobytes()
    path.write_bytes(data)
    return path


def png_of_size(path: Path, width: int, height: int) -> Path:
    """A PNG whose header says this size; its data is a few bytes that would unpack to nothing like it."""
    path.write_bytes(_png(width, height, zlib.compress(bytes(1000))))
    return path


def png_bomb(path: Path, width: int, height: int) -> Path:
    """A whole PNG of this size, all black: some kilobytes that unpack to gigabytes."""
    packer, row = zlib.compressobj(9), bytes(1 + width * 3)
    data = [packer.compress(row) for _ in range(height)]
    path.write_bytes(_png(width, height, b"".join(data) + packer.flush()))
    return path


def gif_of_no_pixels(path: Path) -> Path:
    """A GIF of 0 x 0."""
    path.write_bytes(b"GIF89a" + struct.pack("<HHBBB", 0, 0, 0, 0, 0) + b"\x3b")
    return path


def text(path: Path) -> Path:
    """Text, whatever it is named."""
    path.write_text("This is no picture, even if the name says so.\n" * 20)
    return path


# --- videos ---------------------------------------------------------------------------------------------------------

CODECS = {"mp4": "libx264", "mov": "libx264", "mkv": "libx264", "webm": "libvpx", "avi": "mpeg4", "mpegts": "libx264"}
CODECS |= {"matroska": "libx264", "3gp": "mpeg4"}
ENCODER_OPTIONS = {
    "libx264": {"preset": "ultrafast", "sc_threshold": "0", "crf": "18"},
    "libx265": {"preset": "ultrafast", "x265-params": "scenecut=0:log-level=none"},
    "libvpx-vp9": {"deadline": "realtime", "cpu-used": "8"},
    "libsvtav1": {"preset": "12"},
    "mjpeg": {"strict": "-1"},  # limited range, as cameras write it
}


def video(
    path: Path,
    container: str = "mp4",
    *,
    codec: str | None = None,
    pixels: str = "yuv420p",
    times: Callable[[int], int] = lambda number: number,
    sound: bool = False,
    seconds: float = 4.0,
    rate: int = 10,
    size: tuple[int, int] = (320, 240),
    key_every: int = 10,
    rotation: float | None = None,
    mirrored: bool = False,
    tags: dict[str, str] | None = None,
    aspect: Fraction | None = None,
    options: dict[str, str] | None = None,
    encoder: dict[str, str] | None = None,
    draw: Callable[[float], Image.Image] | None = None,
) -> Path:
    """A clip of the scene, with a grey that rises from black to white over its length in the middle of each frame.

    `times`: when the frame of a number is shown, in parts of the rate. `options` are the container's, `encoder` the codec's.
    """
    codec = codec or CODECS[container]
    options = {**({"movflags": "use_metadata_tags"} if tags and container in ("mp4", "mov") else {}), **(options or {})}
    with av.open(str(path), "w", format=container, options=options) as output:
        output.metadata.update(tags or {})
        stream: Any = output.add_stream(codec, rate=rate)
        stream.width, stream.height, stream.pix_fmt = *size, pixels
        stream.codec_context.gop_size = key_every
        stream.options = ENCODER_OPTIONS.get(codec, {}) | (encoder or {})
        if aspect is not None:
            stream.codec_context.sample_aspect_ratio = aspect
        if rotation is not None or mirrored:
            stream.set_display_rotation(rotation or 0, hflip=mirrored)
        heard = output.add_stream("aac", rate=44100, layout="mono") if sound else None
        count = max(1, round(seconds * rate))
        for number in range(count):
            picture = draw(number / rate) if draw else clock_scene(number / count, size)
            frame = av.VideoFrame.from_image(picture)
            frame.pts = times(number)
            frame.time_base = Fraction(1, rate)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
        if heard is not None:
            _sound(output, heard, seconds)
    return path


def film(path: Path, container: str = "mp4", *, minutes: int = 120, options: dict[str, str] | None = None) -> Path:
    """A film of one frame a second and a key frame every ten, its clock going on a step each minute.

    Filler makes it 8 KB a frame, as heavy as the film would be at 64 kbit/s: 60 MB for two hours.
    """
    with av.open(str(path), "w", format=container, options=options or {}) as output:
        stream: Any = output.add_stream("libx264", rate=1)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        stream.codec_context.gop_size = 10
        stream.options = ENCODER_OPTIONS["libx264"]
        shown = [av.VideoFrame.from_image(clock_scene(minute / minutes)) for minute in range(minutes)]
        packets = [packet for frame in shown for _ in range(10) for packet in stream.encode(frame.reformat())]
        packets += stream.encode(None)
        for number in range(minutes * 60):
            minute, second = divmod(number, 60)
            coded = packets[minute * 10 + second % 10]
            packet = av.Packet(bytes(coded) + _FILLER)
            packet.pts = packet.dts = number
            packet.time_base = Fraction(1)
            packet.is_keyframe = coded.is_keyframe
            packet.stream = stream
            output.mux(packet)
    return path


_FILLER = b"\0\0\0\1\x0c" + b"\xff" * 8000 + b"\x80"
"""What decoders of H.264 skip (ITU-T H.264, 7.3.2.7)."""


def hdr_frame(transfer: str, image: Image.Image | None = None, white: float = 203) -> av.VideoFrame:
    """A frame of a picture as HDR in BT.2020, 10 bits: "pq" or "hlg", with white at so many nits (BT.2100, BT.2408)."""
    signal = np.asarray(image or scene(), np.float64) / 255
    light = np.where(signal <= 0.04045, signal / 12.92, ((signal + 0.055) / 1.055) ** 2.4)
    to_2020 = [[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]]
    nits = light @ np.array(to_2020).T * white
    if transfer == "pq":
        power = (nits / 10_000) ** 0.1593017578125
        coded = ((0.8359375 + 18.8515625 * power) / (1 + 18.6875 * power)) ** 78.84375
    else:
        shown = nits / 1000
        camera = shown * np.maximum(shown @ [0.2627, 0.6780, 0.0593], 1e-9)[..., None] ** (1 / 1.2 - 1)
        bright = 0.17883277 * np.log(np.maximum(12 * camera - 0.28466892, 1e-9)) + 0.55991073
        coded = np.where(camera <= 1 / 12, np.sqrt(3 * camera), bright)
    luma = coded @ [0.2627, 0.6780, 0.0593]
    planes = [64 + 876 * luma, 512 + 896 * (coded[..., 2] - luma) / 1.8814, 512 + 896 * (coded[..., 0] - luma) / 1.4746]
    frame = av.VideoFrame(signal.shape[1], signal.shape[0], "yuv444p10le")
    for plane, values in zip(frame.planes, planes, strict=True):
        rows = np.zeros((plane.height, plane.line_size // 2), np.uint16)
        rows[:, : plane.width] = np.clip(np.round(values), 0, 1023)
        plane.update(rows.tobytes())
    frame.colorspace, frame.color_primaries, frame.color_range = 9, 9, 1
    frame.color_trc = 16 if transfer == "pq" else 18
    return frame


def hdr_video(path: Path, transfer: str, container: str = "mp4") -> Path:
    """A second of the scene as HDR: HEVC of 10 bits, as phones and cameras record it."""
    frame = hdr_frame(transfer).reformat(format="yuv420p10le")
    name = {"pq": "smpte2084", "hlg": "arib-std-b67"}[transfer]
    with av.open(str(path), "w", format=container) as output:
        stream: Any = output.add_stream("libx265", rate=10)
        stream.width, stream.height, stream.pix_fmt = frame.width, frame.height, "yuv420p10le"
        told = f"colorprim=bt2020:transfer={name}:colormatrix=bt2020nc:range=limited:log-level=none"
        stream.options = {"preset": "ultrafast", "x265-params": told}
        for number in range(10):
            frame.pts, frame.time_base = number, Fraction(1, 10)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


def colour_video(path: Path, size: tuple[int, int], matrix: str, told: str, *, full: bool = False) -> Path:
    """A second of the scene in a matrix ("itu709" or "itu601") and range, with what x264 is told of them in its words."""
    frame = av.VideoFrame.from_image(scene(*size)).reformat(
        format="yuv420p", dst_colorspace=matrix, dst_color_range="JPEG" if full else "MPEG"
    )
    with av.open(str(path), "w", format="mp4") as output:
        stream: Any = output.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        stream.options = {"preset": "ultrafast", "x264-params": told}
        frame.colorspace, frame.color_range = 2, 0
        for number in range(10):
            frame.pts, frame.time_base = number, Fraction(1, 10)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


def clock_scene(share: float, size: tuple[int, int] = (320, 240)) -> Image.Image:
    """The scene with a grey square in the middle: its brightness is the share of the time that has passed."""
    picture = scene(*size)
    width, height = size
    grey = round(255 * share)
    picture.paste((grey, grey, grey), (width * 3 // 8, height * 3 // 8, width * 5 // 8, height * 5 // 8))
    return picture


def clock(image: Image.Image) -> float:
    """The share of the time that a frame of `video` shows."""
    return float(np.asarray(image.convert("L"))[image.height // 2, image.width // 2]) / 255


def audio_only(path: Path, container: str = "mp4") -> Path:
    """A second of sound in a container for video."""
    with av.open(str(path), "w", format=container) as output:
        _sound(output, output.add_stream("aac", rate=44100, layout="mono"), 1)
    return path


def _sound(output: Any, stream: Any, seconds: float) -> None:
    samples = (np.sin(np.arange(round(44100 * seconds)) / 20) * 0.3).astype(np.float32)
    for start in range(0, len(samples) - 1024, 1024):
        frame = av.AudioFrame.from_ndarray(samples[None, start : start + 1024], format="fltp", layout="mono")
        frame.sample_rate, frame.pts = 44100, start
        output.mux(stream.encode(frame))
    output.mux(stream.encode(None))


def no_key_frame(path: Path, container: str = "mp4") -> Path:
    """A clip of which every key frame was left out."""
    whole = video(path.with_name(path.name + ".whole"), container, key_every=100)
    with av.open(str(whole)) as source, av.open(str(path), "w", format=container) as output:
        stream = source.streams.video[0]
        target = output.add_stream_from_template(stream)
        for packet in source.demux(stream):
            if packet.size and not packet.is_keyframe:
                packet.stream = target
                output.mux(packet)
    whole.unlink()
    return path


def without_index(path: Path) -> Path:
    """A recording that was cut off before its index was written: MP4 without `moov`."""
    video(path)
    data = path.read_bytes()
    path.write_bytes(data[: data.rindex(b"moov") - 4])
    return path


def playlist(path: Path, target: Path) -> Path:
    """A concat script named like a video, that names another file."""
    path.write_text(f"ffconcat version 1.0\nfile '{target}'\n")
    return path


def _png(width: int, height: int, data: bytes, bits: int = 8) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, bits, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def _sexagesimal(value: float) -> tuple[float, float, float]:
    minutes = (value - int(value)) * 60
    return float(int(value)), float(int(minutes)), round((minutes - int(minutes)) * 60, 4)


def _s15(*values: float) -> bytes:
    return struct.pack(f">{len(values)}i", *(round(value * 65536) for value in values))


def _xyz(*values: float) -> bytes:
    return b"XYZ \0\0\0\0" + _s15(*values)


def opened_jpeg(data: bytes) -> Image.Image:
    """A JPEG's bytes as a decoded picture."""
    image = Image.open(io.BytesIO(data), formats=["JPEG"])
    image.load()
    return image
