import os
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pillow_heif
import pytest
from PIL import ExifTags, Image, TiffImagePlugin

from scenesort.config import PhotosOptions
from scenesort.errors import NoPhotosError, OptionError, PhotoError
from scenesort.geometry import frame_from_upright_px, upright_from_frame_px
from scenesort.photos import (
    find_photos,
    inspect_photo,
    link_or_export,
    load_frame,
    load_mask_upright,
    load_upright,
)
from scenesort.types import Photo, SkippedPhoto

WIDTH, HEIGHT = 96, 64
ORIENTATIONS = range(1, 9)
QUARTER_TURNS = {1: 0, 6: 1, 3: 2, 8: 3}

Rational = TiffImagePlugin.IFDRational
Base = ExifTags.Base


def picture(width=WIDTH, height=HEIGHT, seed=0):
    """Return four flat corners of different colour: no turn or mirroring leaves it the same, and JPEG keeps it."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[: height // 2, : width // 2] = (230, 40 + seed, 40)
    pixels[: height // 2, width // 2 :] = (40, 220, 40)
    pixels[height // 2 :, : width // 2] = (40, 40, 210)
    pixels[height // 2 :, width // 2 :] = (220, 220, 60)
    return pixels


def stored_as(upright, orientation):
    """Return the stored pixels that a viewer turns into `upright` by this EXIF orientation."""
    undo = {
        1: lambda a: a,
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.transpose(1, 0, 2),
        6: lambda a: np.rot90(a, 1),
        7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
        8: lambda a: np.rot90(a, -1),
    }
    return np.ascontiguousarray(undo[orientation](upright))


def exif_with(sub=None, **base):
    exif = Image.Exif()
    for name, value in base.items():
        exif[Base[name]] = value
    for name, value in (sub or {}).items():
        exif.get_ifd(ExifTags.IFD.Exif)[Base[name]] = value
    return exif


def save(path, pixels=None, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(picture() if pixels is None else pixels)
    if "exif" in options:
        options["exif"] = options["exif"].tobytes()  # as an object, the TIFF writer drops its inner directories
    if path.suffix in (".heic", ".heif"):
        pillow_heif.from_pillow(image).save(path, quality=95, **options)
    else:
        image.save(path, **options)
    return path


def inspected(path, **options):
    photo = inspect_photo(path, path.name, PhotosOptions(**options))
    assert isinstance(photo, Photo), photo
    return photo


def reason_of(path, **options):
    skipped = inspect_photo(path, path.name, PhotosOptions(**options))
    assert isinstance(skipped, SkippedPhoto)
    assert skipped.reason.endswith(".")
    return skipped.reason


def names(photo_set):
    return [photo.name for photo in photo_set.photos]


def assert_close(pixels, expected, tolerance=30):
    """Compare pictures away from the edges of their patches, where lossy formats bleed."""
    assert pixels.shape == expected.shape
    assert np.abs(pixels.astype(int) - expected).mean() < 6
    height, width = expected.shape[:2]
    for y in (height // 4, 3 * height // 4):
        for x in (width // 4, 3 * width // 4):
            assert np.abs(pixels[y, x].astype(int) - expected[y, x]).max() < tolerance


# Formats and colours


@pytest.mark.parametrize("extension", [".jpg", ".JPEG", ".png", ".webp", ".tif", ".tiff", ".bmp", ".heic", ".heif"])
def test_every_format_is_read(tmp_path, extension):
    path = save(tmp_path / f"photo{extension}")
    photo = find_photos(tmp_path).photos[0]
    assert (photo.name, photo.width_px, photo.height_px) == (path.name, WIDTH, HEIGHT)
    assert_close(load_frame(photo), picture())
    assert_close(load_upright(photo, None)[0], picture())


@pytest.mark.parametrize("options", [{"progressive": True}, {"compression": "tiff_lzw"}, {"compression": "jpeg"}])
def test_compressed_variants_are_read(tmp_path, options):
    path = save(tmp_path / ("a.tif" if "compression" in options else "a.jpg"), **options)
    assert_close(load_frame(inspected(path)), picture())


@pytest.mark.parametrize("extension", [".png", ".webp", ".tif"])
def test_animations_give_their_first_frame(tmp_path, extension):
    others = [Image.fromarray(255 - picture())]
    path = save(tmp_path / f"a{extension}", save_all=True, append_images=others)
    assert_close(load_frame(inspected(path)), picture())


def test_multi_picture_jpeg_gives_its_first_picture(tmp_path):
    path = tmp_path / "a.jpg"
    Image.fromarray(picture()).save(path, "MPO", save_all=True, append_images=[Image.fromarray(255 - picture())])
    assert_close(load_frame(inspected(path)), picture())


GREY = np.repeat(np.linspace(0, 255, WIDTH).astype(np.uint8)[None], HEIGHT, axis=0)


@pytest.mark.parametrize(
    ("image", "extension", "expected"),
    [
        (Image.fromarray(GREY), ".png", GREY),
        (Image.fromarray(GREY), ".jpg", GREY),
        (Image.fromarray(GREY.astype(np.uint16) * 257), ".png", GREY),
        (Image.fromarray(GREY.astype(np.uint16) * 257), ".tif", GREY),
        (Image.fromarray(GREY.astype(np.int32) * 257), ".tif", GREY),
        (Image.fromarray(GREY.astype(np.float32) / 255), ".tif", GREY),
        (Image.fromarray(GREY > 127), ".png", np.where(GREY > 127, 255, 0)),
        (Image.fromarray(picture()).convert("P", palette=Image.Palette.ADAPTIVE), ".png", picture()),
        (Image.fromarray(picture()).convert("CMYK"), ".jpg", picture()),
        (Image.fromarray(picture()).convert("CMYK"), ".tif", picture()),
        (Image.fromarray(picture()).convert("RGBA"), ".png", picture()),
        (Image.fromarray(np.dstack([picture(), np.zeros((HEIGHT, WIDTH), np.uint8)])), ".png", picture() * 0 + 255),
        (Image.fromarray(np.dstack([GREY, GREY * 0])), ".png", GREY * 0 + 255),
    ],
    ids=["L", "L-jpeg", "I;16", "I;16-tiff", "I", "F", "1", "P", "CMYK", "CMYK-tiff", "RGBA", "transparent", "LA"],
)
def test_every_colour_mode_becomes_rgb(tmp_path, image, extension, expected):
    pixels = load_frame(inspected(save(tmp_path / f"a{extension}", image)))
    expected = np.broadcast_to(expected if expected.ndim == 3 else expected[:, :, None], (HEIGHT, WIDTH, 3))
    assert pixels.dtype == np.uint8
    assert pixels.shape == (HEIGHT, WIDTH, 3)
    assert np.abs(pixels.astype(int) - expected).mean() < 4


def test_transparent_palette_shows_white(tmp_path):
    image = Image.new("P", (WIDTH, HEIGHT), 0)
    image.putpalette([255, 0, 0] * 256)
    assert (load_frame(inspected(save(tmp_path / "a.png", image, transparency=0))) == 255).all()


def test_lab_colours_are_refused_with_a_reason(tmp_path):
    assert "LAB" in reason_of(save(tmp_path / "a.tif", Image.new("LAB", (64, 64))))


# Orientation


@pytest.mark.parametrize("extension", [".jpg", ".png", ".webp", ".tif"])
@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_orientations(tmp_path, extension, orientation):
    upright = picture()
    stored = stored_as(upright, orientation)
    photo = inspected(save(tmp_path / f"a{extension}", stored, exif=exif_with(Orientation=orientation)))
    assert photo.mirrored == (orientation not in QUARTER_TURNS)
    assert photo.quarter_turns == QUARTER_TURNS.get(orientation, 0)
    assert photo.upright_size_px == (WIDTH, HEIGHT)

    frame, (turned, scale) = load_frame(photo), load_upright(photo, None)
    assert scale == (1.0, 1.0)
    assert_close(turned, upright)
    assert_close(frame, upright if photo.mirrored else stored)
    assert frame.shape[:2] == (photo.height_px, photo.width_px)

    size = (photo.width_px, photo.height_px)
    centres = np.stack(np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT)), axis=-1).reshape(-1, 2) + 0.5
    in_frame = frame_from_upright_px(centres, size, photo.quarter_turns)
    np.testing.assert_allclose(upright_from_frame_px(in_frame, size, photo.quarter_turns), centres)
    x, y = in_frame.astype(int).T
    np.testing.assert_array_equal(frame[y, x], turned.reshape(-1, 3))


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_heic_pixels_are_upright_already(tmp_path, orientation):
    path = tmp_path / "a.heic"
    photo = inspected(save(path, stored_as(picture(), orientation), exif=exif_with(Orientation=orientation)))
    assert (photo.quarter_turns, photo.mirrored) == (0, False)
    assert_close(load_upright(photo, None)[0], picture())


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_invalid_orientation_counts_as_none(tmp_path, orientation):
    photo = inspected(save(tmp_path / "a.jpg", exif=exif_with(Orientation=orientation)))
    assert (photo.quarter_turns, photo.mirrored) == (0, False)


@pytest.mark.parametrize("orientation", [1, 6, 7])
def test_working_size(tmp_path, orientation):
    path = tmp_path / "a.png"
    photo = inspected(save(path, stored_as(picture(301, 200), orientation), exif=exif_with(Orientation=orientation)))
    pixels, scale = load_upright(photo, 100)
    assert pixels.shape == (66, 100, 3)
    assert scale == pytest.approx((301 / 100, 200 / 66))
    assert pixels.flags.c_contiguous
    assert pixels.flags.writeable
    assert_close(pixels, picture(100, 66))


def test_photos_are_never_enlarged(tmp_path):
    pixels, scale = load_upright(inspected(save(tmp_path / "a.png")), 1000)
    assert pixels.shape == (HEIGHT, WIDTH, 3)
    assert scale == (1.0, 1.0)


def test_shrinking_averages_areas(tmp_path):
    checks = np.zeros((64, 64, 3), np.uint8)
    checks[::2, ::2] = checks[1::2, 1::2] = 255
    pixels, _ = load_upright(inspected(save(tmp_path / "a.png", checks)), 32)
    assert set(np.unique(pixels)) <= {127, 128}


# Files that can't be used


@pytest.mark.parametrize("options", [{}, {"progressive": True}])
@pytest.mark.parametrize("missing", [3, 0.1, 0.5, 0.9])
def test_truncated_jpeg(tmp_path, options, missing):
    noise = np.random.default_rng(0).integers(0, 256, (200, 300, 3), dtype=np.uint8)
    path = save(tmp_path / "a.jpg", noise, **options)
    data = path.read_bytes()
    path.write_bytes(data[: -(missing if missing > 1 else int(missing * len(data)))])
    assert "cut short" in reason_of(path)


@pytest.mark.parametrize("extension", [".png", ".webp", ".tif", ".bmp", ".heic"])
@pytest.mark.parametrize("kept", [0.3, 0.8])
def test_truncated_files_of_other_formats(tmp_path, extension, kept):
    noise = np.random.default_rng(0).integers(0, 256, (100, 150, 3), dtype=np.uint8)
    path = save(tmp_path / f"a{extension}", noise)
    data = path.read_bytes()
    path.write_bytes(data[: int(kept * len(data))])
    assert "cut short" in reason_of(path)


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"", "empty"),
        (b"\xff\xd8\xff", "cut short"),
        (b"\xff\xd8\xff" + b"rubbish" * 100, "cut short"),
        (b"\x89PNG\r\n\x1a\n" + b"rubbish" * 100, "cut short"),
        (b"just a text\n", "no photo"),
        (b"GIF89a" + bytes(100), "no photo"),
    ],
)
def test_files_that_are_no_photo(tmp_path, content, word):
    path = tmp_path / "a.png"
    if content.startswith(b"\xff"):
        path = tmp_path / "a.jpg"
    path.write_bytes(content)
    assert word in reason_of(path)


@pytest.mark.parametrize("extension", [".jpg", ".png", ".webp", ".tif", ".bmp", ".heic"])
def test_damaged_bytes_never_raise(tmp_path, extension):
    exif = exif_with(Make="Maker", Orientation=6, sub={"FocalLength": 5.0})
    path = save(tmp_path / f"a{extension}", exif=exif)
    data = path.read_bytes()
    rng = np.random.default_rng(1)
    for _ in range(40):
        broken = bytearray(data)
        for position in rng.integers(12, min(len(data), 400), 8):
            broken[position] = rng.integers(256)
        path.write_bytes(broken)
        inspect_photo(path, path.name, PhotosOptions())


def test_a_wrong_extension_is_no_reason_to_skip(tmp_path):
    save(tmp_path / "a.png", picture()).rename(tmp_path / "a.jpg")
    np.testing.assert_array_equal(load_frame(inspected(tmp_path / "a.jpg")), np.asarray(picture()))


def test_sizes_out_of_range(tmp_path):
    assert "min_side_px" in reason_of(save(tmp_path / "a.png", picture(400, 31)))
    assert "max_megapixels" in reason_of(save(tmp_path / "b.png", picture(400, 300)), max_megapixels=0.1)


def test_decompression_bomb_is_not_decoded(tmp_path):
    """A small file that says it holds 400 megapixels."""
    path = save(tmp_path / "a.png", Image.new("1", (20000, 20000)))
    assert path.stat().st_size < 100_000
    assert "max_megapixels" in reason_of(path)


def test_large_photos_pass_without_touching_pillow_limits(tmp_path):
    path = save(tmp_path / "a.png", Image.new("1", (14000, 14000)))
    limit = Image.MAX_IMAGE_PIXELS
    assert inspected(path).width_px == 14000
    assert limit == Image.MAX_IMAGE_PIXELS


def test_photo_that_changes_later_is_named(tmp_path):
    path = save(tmp_path / "a.png")
    photo = inspected(path)
    save(path, picture(200, 100))
    with pytest.raises(PhotoError, match=r"'a\.png'.*changed"):
        load_upright(photo, None)
    path.unlink()
    with pytest.raises(PhotoError, match=r"'a\.png'"):
        load_frame(photo)


def test_unreadable_file(tmp_path):
    path = save(tmp_path / "a.png")
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("this user may read everything")
    assert "Permission" in reason_of(path)


# The walk through the folder


def test_names_of_all_kinds(tmp_path):
    expected = ["A.png", "a.png", "b c/ü ñ 你好.png", "b c/comma, and 'quote'.png", "line\nbreak.png", "b/x.png"]
    for seed, name in enumerate(expected):
        save(tmp_path / name, picture(seed=seed))
    found = find_photos(tmp_path)
    assert names(found) == sorted(expected)
    assert not found.skipped
    load_upright(found.photos[0], 50)


def test_name_that_is_not_utf8_is_skipped(tmp_path):
    save(tmp_path / "a.png")
    raw = os.fsencode(tmp_path) + b"/caf\xe9.png"
    try:
        os.link(tmp_path / "a.png", raw)
    except OSError:
        pytest.skip("the file system takes UTF-8 names only")
    (skipped,) = find_photos(tmp_path).skipped
    assert skipped.name == "caf\\xe9.png"
    assert "UTF-8" in skipped.reason


def test_what_is_left_out(tmp_path):
    save(tmp_path / "a.png")
    for name in (".hidden.png", ".thumbnails/b.png", "out/scene/c.png"):
        save(tmp_path / name, picture(seed=1))
    for name in ("notes.txt", "list.csv", "one.mp4", "two.MOV"):
        (tmp_path / name).write_text("x")
    found = find_photos(tmp_path, exclude_folders=[tmp_path / "out", tmp_path / "missing"])
    assert names(found) == ["a.png"]
    assert found.skipped == ()
    assert any("2 video files" in notice for notice in found.notices)


def test_links(tmp_path):
    folder = tmp_path / "photos"
    original = save(tmp_path / "elsewhere" / "original.png", picture(seed=1))
    save(tmp_path / "elsewhere" / "more.png", picture(seed=2))
    save(folder / "sub" / "a.png")
    (folder / "link.png").symlink_to(original)
    (folder / "broken.png").symlink_to(tmp_path / "nowhere.png")
    (folder / "self.png").symlink_to("self.png")
    (folder / "sub" / "loop").symlink_to(folder)
    (folder / "again").symlink_to(folder / "sub")
    (folder / "others").symlink_to(tmp_path / "elsewhere")
    os.mkfifo(folder / "pipe.png")
    found = find_photos(folder)
    assert names(found) == ["link.png", "others/more.png", "sub/a.png"]
    assert found.duplicates == {"others/original.png": "link.png"}
    assert [item.name for item in found.skipped] == ["broken.png", "pipe.png", "self.png"]
    assert "nowhere.png" in found.skipped[0].reason


def test_duplicates_go_by_the_first_name(tmp_path):
    for name in ("b/2.png", "a/9.png", "c.png"):
        save(tmp_path / name)
    save(tmp_path / "other.png", picture(seed=1))
    found = find_photos(tmp_path)
    assert names(found) == ["a/9.png", "other.png"]
    assert found.duplicates == {"b/2.png": "a/9.png", "c.png": "a/9.png"}


def test_bad_photos_do_not_stop_the_good(tmp_path):
    save(tmp_path / "good.png")
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "text.jpg").write_text("text")
    found = find_photos(tmp_path)
    assert names(found) == ["good.png"]
    assert [item.name for item in found.skipped] == ["empty.jpg", "text.jpg"]


def test_folders_without_photos(tmp_path):
    with pytest.raises(NoPhotosError, match="no file there ends in"):
        find_photos(tmp_path)
    (tmp_path / "empty.jpg").touch()
    with pytest.raises(NoPhotosError, match=r"none of its 1 photo files.*'empty\.jpg'.*empty"):
        find_photos(tmp_path)
    with pytest.raises(NoPhotosError, match="doesn't exist; give"):
        find_photos(tmp_path / "missing")
    with pytest.raises(NoPhotosError, match="is a file; give"):
        find_photos(tmp_path / "empty.jpg")


def test_the_mapper_may_work_in_parallel_and_in_any_order(tmp_path):
    for seed in range(6):
        save(tmp_path / f"{seed}.png", picture(seed=seed))

    def backwards(function, jobs):
        pickle.loads(pickle.dumps(function))
        with ThreadPoolExecutor(2) as pool:
            return list(pool.map(function, jobs))[::-1]

    found = find_photos(tmp_path, mapper=backwards)
    assert found == find_photos(tmp_path)
    assert pickle.loads(pickle.dumps(found)) == found


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"camera_model": "BROWNIE"}, "BROWNIE"),
        ({"max_megapixels": 0}, "max_megapixels"),
        ({"max_megapixels": float("nan")}, "max_megapixels"),
        ({"min_side_px": 0}, "min_side_px"),
        ({"default_focal_ratio": 0}, "default_focal_ratio"),
        ({"masks": "/no/such/folder"}, "masks"),
        ({"cameras_csv": "/no/such/file.csv"}, "file.csv"),
        ({"camera_params": "100,48,32"}, "takes 4 numbers"),
        ({"camera_params": "100,48,32,x"}, "must be numbers"),
        ({"camera_params": "-100,48,32,0"}, "focal length"),
        ({"camera_params": "inf,48,32,0"}, "finite"),
    ],
)
def test_options_out_of_range_are_named(tmp_path, options, word):
    save(tmp_path / "a.png")
    with pytest.raises(OptionError, match=word):
        find_photos(tmp_path, PhotosOptions(**options))


# EXIF: focal length, time, camera


def with_exif(path, **sub):
    return inspected(save(path, exif=exif_with(sub, Make="Maker", Model="M1")))


@pytest.mark.parametrize("extension", [".jpg", ".png", ".webp", ".tif", ".heic"])
def test_focal_length_in_35mm_film(tmp_path, extension):
    camera = with_exif(tmp_path / f"a{extension}", FocalLengthIn35mmFilm=28, FocalLength=Rational(42, 10)).camera
    assert camera.params == pytest.approx((28 / 43.27 * np.hypot(WIDTH, HEIGHT), WIDTH / 2, HEIGHT / 2, 0))
    assert camera.has_focal_prior
    assert not camera.fixed


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ({"FocalPlaneXResolution": Rational(254, 1), "FocalPlaneResolutionUnit": 2}, 100.0),
        ({"FocalPlaneXResolution": Rational(254, 1)}, 100.0),
        ({"FocalPlaneXResolution": Rational(100, 1), "FocalPlaneResolutionUnit": 3}, 100.0),
        ({"FocalPlaneXResolution": Rational(10, 1), "FocalPlaneResolutionUnit": 4}, 100.0),
        (
            {
                "FocalPlaneXResolution": Rational(1000, 1),
                "FocalPlaneResolutionUnit": 3,
                "ExifImageWidth": 10 * WIDTH,
                "ExifImageHeight": 10 * HEIGHT,
            },
            100.0,
        ),
    ],
)
def test_focal_length_from_the_sensor(tmp_path, tags, expected):
    camera = with_exif(tmp_path / "a.jpg", FocalLength=Rational(10, 1), **tags).camera
    assert camera.params[0] == pytest.approx(expected)
    assert camera.has_focal_prior


@pytest.mark.parametrize(
    "tags",
    [
        {},
        {"FocalLength": Rational(35, 1)},
        {"FocalLength": Rational(0, 0)},
        {"FocalLength": Rational(0, 1), "FocalPlaneXResolution": Rational(10, 1)},
        {"FocalLength": Rational(10, 1), "FocalPlaneXResolution": Rational(0, 0)},
        {"FocalLength": Rational(10, 1), "FocalPlaneXResolution": Rational(1, 0)},
        {"FocalLength": Rational(10, 1), "FocalPlaneXResolution": Rational(10, 1), "FocalPlaneResolutionUnit": 9},
        {"FocalLengthIn35mmFilm": 0},
        {"FocalLengthIn35mmFilm": 65535},
        {"FocalLengthIn35mmFilm": "wide"},
    ],
)
def test_nonsense_focal_lengths_are_ignored(tmp_path, tags):
    camera = with_exif(tmp_path / "a.jpg", **tags).camera
    assert camera.params[0] == pytest.approx(1.2 * WIDTH)
    assert not camera.has_focal_prior


def test_focal_guess_follows_its_option_and_model(tmp_path):
    path = save(tmp_path / "a.png")
    camera = inspected(path, default_focal_ratio=2.0, camera_model="OPENCV").camera
    assert camera.params == (2 * WIDTH, 2 * WIDTH, WIDTH / 2, HEIGHT / 2, 0, 0, 0, 0)
    assert inspected(path, camera_model="EUCM").camera.params[4:] == (0.0, 1.0)


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ({"DateTimeOriginal": "1970:01:02 00:00:01"}, 86401.0),
        ({"DateTimeOriginal": "1970:01:01 00:00:00", "SubsecTimeOriginal": "25"}, 0.25),
        ({"DateTimeOriginal": "0000:00:00 00:00:00"}, None),
        ({"DateTimeOriginal": "2021:02:30 10:00:00"}, None),
        ({"DateTimeOriginal": "yesterday"}, None),
        ({"DateTimeOriginal": "    :  :     :  :  ", "DateTimeDigitized": "1970:01:01 01:00:00"}, 3600.0),
        ({}, None),
    ],
)
def test_capture_time(tmp_path, tags, expected):
    assert with_exif(tmp_path / "a.jpg", **tags).taken_at_s == expected


def test_photos_of_one_camera_share_a_group(tmp_path):
    def photo(name, size=(WIDTH, HEIGHT), model="M1", focal=35.0, orientation=1, lens="L"):
        sub = {"LensModel": lens} | ({"FocalLength": focal} if focal else {})
        base = {"Make": "Maker", "Orientation": orientation} | ({"Model": model} if model else {})
        return inspected(save(tmp_path / name, picture(*size), exif=exif_with(sub, **base))).camera_group

    first = photo("first.jpg")
    assert first == photo("same.jpg") == photo("turned.jpg", orientation=6)
    others = [
        photo("size.jpg", size=(HEIGHT, WIDTH)),
        photo("model.jpg", model="M2"),
        photo("zoom.jpg", focal=50.0),
        photo("lens.jpg", lens="L2"),
        photo("mirrored.jpg", orientation=2),
        photo("no_model.jpg", model=None),
        photo("no_focal.jpg", focal=None),
        photo("no_focal2.jpg", focal=None),
    ]
    assert len({first, *others}) == 9


def test_single_camera(tmp_path):
    save(tmp_path / "a.png")
    save(tmp_path / "b.jpg", exif=exif_with({"FocalLengthIn35mmFilm": 30}))
    found = find_photos(tmp_path, PhotosOptions(single_camera=True))
    assert len({photo.camera_group for photo in found.photos}) == 1
    assert found.photos[0].camera == found.photos[1].camera
    assert found.photos[0].camera.has_focal_prior
    assert found.notices == ()
    save(tmp_path / "c.png", picture(100, 100))
    found = find_photos(tmp_path, PhotosOptions(single_camera=True))
    assert len({photo.camera_group for photo in found.photos}) == 2
    assert "2 sizes" in found.notices[0]


# Known intrinsics


def test_camera_params_hold_for_the_most_frequent_size_and_scale(tmp_path):
    for seed in range(2):
        save(tmp_path / f"{seed}.png", picture(seed=seed))
    save(tmp_path / "half.png", picture(WIDTH // 2, HEIGHT // 2))
    found = find_photos(tmp_path, PhotosOptions(camera_params="100, 50, 30, 0.1"))
    cameras = {photo.name: photo.camera for photo in found.photos}
    assert cameras["0.png"].params == (100, 50, 30, 0.1)
    assert cameras["0.png"].fixed
    assert cameras["0.png"].has_focal_prior
    assert cameras["half.png"].params == (50, 25, 15, 0.1)
    groups = {photo.name: photo.camera_group for photo in found.photos}
    assert groups["0.png"] == groups["1.png"] != groups["half.png"]
    save(tmp_path / "square.png", picture(64, 64))
    with pytest.raises(OptionError, match=r"'square\.png'.*another aspect"):
        find_photos(tmp_path, PhotosOptions(camera_params="100,50,30,0.1"))


def write_cameras(path, *lines):
    path.write_text("\n".join(["image,model,width,height,params", *lines]) + "\n", encoding="utf-8-sig")
    return PhotosOptions(cameras_csv=str(path))


def test_cameras_csv(tmp_path):
    for seed, name in enumerate(["a.png", "b, c.png", "d.png"]):
        save(tmp_path / "photos" / name, picture(seed=seed))
    options = write_cameras(
        tmp_path / "cameras.csv",
        f"a.png,PINHOLE,{2 * WIDTH},{2 * HEIGHT},200;210;96;64",
        f'"b, c.png",PINHOLE,{WIDTH},{HEIGHT},100;105;48;32',
        "gone.png,PINHOLE,10,10,100;105;48;32",
    )
    found = find_photos(tmp_path / "photos", options)
    first, second, third = found.photos
    assert first.camera.params == second.camera.params == (100, 105, 48, 32)
    assert first.camera_group == second.camera_group != third.camera_group
    assert (first.camera.model, first.camera.fixed) == ("PINHOLE", True)
    assert (third.camera.model, third.camera.fixed) == ("SIMPLE_RADIAL", False)
    assert "'gone.png'" in found.notices[0]


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("a.png,PINHOLE,96,64,100;105;48", "line 2: PINHOLE takes 4 numbers"),
        ("a.png,BROWNIE,96,64,100", "line 2: unknown camera model 'BROWNIE'"),
        ("a.png,PINHOLE,96,64,100,105,48,32", "put ';' between"),
        ("a.png,PINHOLE,96", "as many fields"),
        ("a.png,PINHOLE,-96,64,100;105;48;32", "whole numbers"),
        ("a.png,PINHOLE,0,64,100;105;48;32", "whole numbers"),
        ("a.png,PINHOLE,64,64,100;105;48;32", r"line 2.*'a\.png'.*another aspect"),
        ("a.png,PINHOLE,96,64,100;105;48;32\na.png,PINHOLE,96,64,100;105;48;32", "listed twice"),
    ],
)
def test_mistakes_in_the_cameras_csv_are_named(tmp_path, line, word):
    save(tmp_path / "a.png")
    with pytest.raises(OptionError, match=word):
        find_photos(tmp_path, write_cameras(tmp_path / "cameras.csv", line))


def test_cameras_csv_without_its_columns(tmp_path):
    save(tmp_path / "a.png")
    (tmp_path / "cameras.csv").write_text("image,model\n")
    with pytest.raises(OptionError, match="lacks the column width"):
        find_photos(tmp_path, PhotosOptions(cameras_csv=str(tmp_path / "cameras.csv")))
    (tmp_path / "cameras.csv").write_bytes(b"image,\xff\xfe\n")
    with pytest.raises(OptionError, match="UTF-8"):
        find_photos(tmp_path, PhotosOptions(cameras_csv=str(tmp_path / "cameras.csv")))


# Masks


def half_mask(width=WIDTH, height=HEIGHT):
    """Return a mask whose left quarter hides features."""
    mask = np.full((height, width), 255, np.uint8)
    mask[:, : width // 4] = 0
    return mask


def test_masks_are_found_and_followed(tmp_path):
    save(tmp_path / "photos" / "a" / "colmap.jpg", exif=exif_with(Orientation=6))
    save(tmp_path / "photos" / "plain.png", picture(seed=1))
    save(tmp_path / "photos" / "without.png", picture(seed=2))
    masks = tmp_path / "photos" / "masks"
    save(masks / "a" / "colmap.jpg.png", half_mask(WIDTH // 2, HEIGHT // 2))
    save(masks / "plain.png", np.dstack([half_mask()] * 3))
    save(masks / "stranger.png", half_mask())
    found = find_photos(tmp_path / "photos", PhotosOptions(masks=str(masks)))
    turned, plain, without = found.photos
    assert without.mask_path is None
    assert load_mask_upright(without, (10, 7)).all()
    assert "'stranger.png'" in found.notices[0]

    allowed = load_mask_upright(plain, (WIDTH // 2, HEIGHT // 2))
    assert allowed.dtype == np.bool_
    np.testing.assert_array_equal(allowed, half_mask(WIDTH // 2, HEIGHT // 2) > 0)

    assert len(turned.mask_sha256) == 64
    working, _ = load_upright(turned, 48)
    allowed = load_mask_upright(turned, (working.shape[1], working.shape[0]))
    assert allowed.shape == working.shape[:2]
    np.testing.assert_array_equal(allowed, np.rot90(half_mask(48, 32) > 0, -1))


@pytest.mark.parametrize("mode", ["1", "L", "P", "I;16", "RGBA"])
def test_mask_colour_modes(tmp_path, mode):
    photo_path, mask = save(tmp_path / "a.jpg"), half_mask()
    if mode == "I;16":
        image = Image.fromarray((mask > 0).astype(np.uint16))
    else:
        image = Image.fromarray(mask).convert("RGB" if mode == "P" else mode).convert(mode)
    save(tmp_path / "masks" / "a.png", image)
    photo = inspected(photo_path, masks=str(tmp_path / "masks"))
    np.testing.assert_array_equal(load_mask_upright(photo, (WIDTH, HEIGHT)), mask > 0)


def test_bad_masks_are_named(tmp_path):
    path, masks = save(tmp_path / "a.jpg"), tmp_path / "masks"
    save(masks / "a.png", half_mask(64, 64))
    assert "64x64" in reason_of(path, masks=str(masks))
    (masks / "a.png").write_bytes(b"rubbish")
    assert "mask" in reason_of(path, masks=str(masks))
    with pytest.raises(OptionError, match="photo folder itself"):
        find_photos(tmp_path, PhotosOptions(masks=str(tmp_path)))


# Export


def test_export_links_to_the_original(tmp_path, monkeypatch):
    photo = inspected(save(tmp_path / "a.jpg", exif=exif_with(Orientation=6)))
    target = tmp_path / "out" / "deep er" / "a.jpg"
    for _ in range(2):
        link_or_export(photo, target)
    assert target.is_symlink()
    assert target.read_bytes() == photo.path.read_bytes()

    def refuse(*_args, **_kwargs):
        raise OSError("no links here")

    monkeypatch.setattr(os, "symlink", refuse)
    link_or_export(photo, target)
    assert not target.is_symlink()
    assert target.read_bytes() == photo.path.read_bytes()
    assert [path.name for path in target.parent.iterdir()] == ["a.jpg"]


@pytest.mark.parametrize("extension", [".jpg", ".png", ".tif", ".webp"])
@pytest.mark.parametrize("orientation", [2, 4, 5, 7])
def test_export_turns_mirrored_photos(tmp_path, extension, orientation):
    exif = exif_with({"FocalLength": Rational(35, 1)}, Orientation=orientation, Make="Maker")
    photo = inspected(save(tmp_path / f"a{extension}", stored_as(picture(), orientation), exif=exif))
    target = tmp_path / "out" / photo.name
    link_or_export(photo, target)
    with Image.open(target) as image:
        assert image.getexif().get(Base.Orientation, 1) == 1
        assert image.getexif().get(Base.Make) == "Maker"
        assert image.getexif().get_ifd(ExifTags.IFD.Exif)[Base.FocalLength] == 35
        assert_close(np.asarray(image.convert("RGB")), load_frame(photo))


def test_export_says_which_photo_failed(tmp_path):
    photo = inspected(save(tmp_path / "a.jpg", exif=exif_with(Orientation=2)))
    photo.path.unlink()
    with pytest.raises(PhotoError, match=r"'a\.jpg'"):
        link_or_export(photo, tmp_path / "out" / "a.jpg")
    assert list((tmp_path / "out").iterdir()) == []
