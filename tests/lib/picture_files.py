# SPDX-License-Identifier: Apache-2.0
"""picture_files - files made for the tests: good ones by our own darkroom, bad ones by hand."""
import functools
import struct
import zlib

import darkroom


def png_chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width, height, colour=2, depth=8, rows=None, extra=b""):
    """One whose pixels are all 0, or `rows` of bytes that fit; `extra`: whole chunks before the pixels."""
    bits = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour] * depth
    packer = zlib.compressobj(9)
    row = b"\0" * (1 + (width * bits + 7) // 8)
    data = b"".join(packer.compress(row) for _ in range(height)) if rows is None else packer.compress(rows)
    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return (b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", head) + extra + png_chunk(b"IDAT", data + packer.flush())
            + png_chunk(b"IEND", b""))


def rgb(width, height):
    """Slopes of colour."""
    return b"".join(bytes((x * 255 // width, y * 255 // height, (x ^ y) & 255)) for y in range(height)
                    for x in range(width))


@functools.cache
def jpeg(width=320, height=240):
    answer = darkroom.develop(rgb(width, height), what=darkroom.PRINT, width=width, height=height)
    assert answer.outcome == "DONE", answer
    return answer.files["full"]


def with_segment(file, marker, data):
    """The JPEG with a segment after its first two bytes."""
    return file[:2] + bytes((0xff, marker)) + struct.pack(">H", len(data) + 2) + data + file[2:]


def exif(orientation=1, note=b"48 51 29.6 N GPS"):
    entries = struct.pack("<HHII", 0x0112, 3, 1, orientation) + struct.pack("<HHII", 0x010e, 2, len(note), 38)
    return b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<H", 2) + entries + struct.pack("<I", 0) + note


def gif(width=4, height=2, canvas=None):
    """Of one colour; small ones alone (a clear code for each two pixels)."""
    codes = []
    for _ in range((width * height + 1) // 2):
        codes += [4, 0, 0]
    if width * height % 2:
        codes.pop()
    codes.append(5)
    value = sum(code << 3 * i for i, code in enumerate(codes))
    data = value.to_bytes((3 * len(codes) + 7) // 8, "little")
    blocks = b"".join(bytes((len(data[i:i + 255]),)) + data[i:i + 255] for i in range(0, len(data), 255))
    return (b"GIF89a" + struct.pack("<HH", *(canvas or (width, height))) + b"\x80\0\0\xff\0\0\0\0\xff"
            + b"\x2c" + struct.pack("<HHHH", 0, 0, width, height) + b"\0\x02" + blocks + b"\0;")


def riff(*chunks):
    body = b"WEBP" + b"".join(name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)
                              for name, data in chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def webp(width=1, height=1):
    """Without loss, of black: five codes of one symbol each (RFC 9649), so no bit a pixel."""
    bits, n = 0, 0

    def put(value, length):
        nonlocal bits, n
        bits |= value << n
        n += length
    put(0x2f, 8)
    put(width - 1, 14)
    put(height - 1, 14)
    put(0, 1 + 3)  # no alpha, version 0
    put(0, 1 + 1 + 1)  # no transform, no cache, no meta codes
    for _ in range(5):
        put(1, 1)  # a simple code
        put(0, 1)  # of one symbol
        put(0, 1)  # of one bit
        put(0, 1)  # which is 0
    return riff((b"VP8L", bits.to_bytes((n + 7) // 8, "little")))


def png_to_rows(data):
    """Width, height, channels and the packed-out rows of one of ours (8 bits, not interlaced)."""
    at, packed, head = 8, b"", None
    while at < len(data):
        length, kind = struct.unpack(">I4s", data[at:at + 8])
        body = data[at + 8:at + 8 + length]
        head, packed = (body if kind == b"IHDR" else head), packed + (body if kind == b"IDAT" else b"")
        at += 12 + length
    width, height, depth, colour = struct.unpack(">IIBB", head[:10])
    assert depth == 8 and colour in (2, 6)
    return width, height, 3 if colour == 2 else 4, zlib.decompress(packed)


def chunks_of(data):
    """The names of a PNG's chunks."""
    at, names = 8, []
    while at < len(data):
        length, kind = struct.unpack(">I4s", data[at:at + 8])
        names.append(kind.decode())
        at += 12 + length
    return names


def markers_of(data):
    """The markers of a JPEG before its first scan."""
    at, found = 2, []
    while data[at + 1] != 0xda:
        found.append(data[at + 1])
        at += 2 + struct.unpack(">H", data[at + 2:at + 4])[0]
    return found
