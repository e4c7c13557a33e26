"""Screenshots made small: a PNG of at most 256 colours, by the standard library alone."""

import struct
import zlib
from collections import Counter

SIGNATURE = b"\x89PNG\r\n\x1a\n"


def smaller(png: bytes) -> bytes:
    """The same picture with a palette; colours beyond the 256 most used become the nearest of these."""
    width, height, pixels = _pixels(png)
    counts = Counter(pixels)
    palette = _palette(counts)
    number_of = {colour: number for number, colour in enumerate(palette)}
    nearest = {colour: number_of.get(colour, _nearest(colour, palette)) for colour in counts}
    indexes = bytes(map(nearest.__getitem__, pixels))
    lines = b"".join(b"\0" + indexes[row * width : (row + 1) * width] for row in range(height))
    return b"".join(
        [
            SIGNATURE,
            _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
            _chunk(b"PLTE", b"".join(palette)),
            _chunk(b"IDAT", zlib.compress(lines, 9)),
            _chunk(b"IEND", b""),
        ]
    )


def _palette(counts: Counter[bytes]) -> list[bytes]:
    """The most used colours, and of those that remain some that lie far apart."""
    used = [colour for colour, _ in counts.most_common()]
    palette = used[:200]
    taken = {bytes(channel >> 4 for channel in colour) for colour in palette}
    for colour in used[200:]:
        coarse = bytes(channel >> 4 for channel in colour)
        if len(palette) == 256:
            break
        if coarse not in taken:
            taken.add(coarse)
            palette.append(colour)
    return palette


def _nearest(colour: bytes, palette: list[bytes]) -> int:
    red, green, blue = colour
    return min(
        range(len(palette)),
        key=lambda n: (palette[n][0] - red) ** 2 + (palette[n][1] - green) ** 2 + (palette[n][2] - blue) ** 2,
    )


def _pixels(png: bytes) -> tuple[int, int, list[bytes]]:
    """Width, height and the colours of an 8-bit picture without interlacing, as browsers make them."""
    chunks = list(_chunks(png))
    width, height, depth, kind = struct.unpack(">IIBB", chunks[0][1][:10])
    assert depth == 8 and kind in (2, 6), "not a picture of a browser"  # noqa: PT018
    size = 3 if kind == 2 else 4
    data = zlib.decompress(b"".join(body for name, body in chunks if name == b"IDAT"))
    stride, before, pixels = width * size, bytearray(width * size), []
    for row in range(height):
        start = row * (stride + 1)
        line = _unfilter(data[start], bytearray(data[start + 1 : start + 1 + stride]), before, size)
        pixels += [bytes(line[place : place + 3]) for place in range(0, stride, size)]
        before = line
    return width, height, pixels


def _unfilter(kind: int, line: bytearray, above: bytearray, size: int) -> bytearray:
    """Undo what PNG does to a line before it compresses it (section 9 of its specification)."""
    for place in range(len(line)):
        left = line[place - size] if place >= size else 0
        up = above[place]
        corner = above[place - size] if place >= size else 0
        if kind == 1:
            guess = left
        elif kind == 2:
            guess = up
        elif kind == 3:
            guess = (left + up) // 2
        elif kind == 4:
            first = left + up - corner
            guess = min((left, up, corner), key=lambda value: abs(first - value))
        else:
            break
        line[place] = (line[place] + guess) & 255
    return line


def _chunks(png: bytes):
    place = len(SIGNATURE)
    while place < len(png):
        length = int.from_bytes(png[place : place + 4])
        yield png[place + 4 : place + 8], png[place + 8 : place + 8 + length]
        place += length + 12


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
