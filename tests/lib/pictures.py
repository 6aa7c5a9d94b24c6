# SPDX-License-Identifier: Apache-2.0
"""pictures - pictures that tests send, forms to send them in, and what became of them."""
import io
import pathlib
import random
import secrets
import urllib.parse

from PIL import Image
from PIL.TiffImagePlugin import IFDRational

PROFILE = "/api/users/profile/"
FORMATS = {"JPEG": ("image/jpeg", ".jpg"), "PNG": ("image/png", ".png"), "WEBP": ("image/webp", ".webp")}


def draw(width=640, height=400, seed=1):
    """Something with slopes and edges."""
    image = Image.new("RGB", (width, height))
    image.putdata([((x * 255) // width, (y * 255) // height, (x * y + seed * 37) % 256)
                   for y in range(height) for x in range(width)])
    return image


def encode(image, kind, **more):
    out = io.BytesIO()
    image.save(out, kind, **more)
    return out.getvalue()


def picture(kind="JPEG", width=640, height=400, seed=1, **more):
    image = draw(width, height, seed)
    return encode(image.convert("P") if kind == "GIF" else image, kind, **more)


def with_gps(kind="JPEG"):
    """A JPEG that says where it was taken, and by whom."""
    image = draw()
    exif = Image.Exif()
    exif[0x010F] = "SecretCamera"
    exif[0x9C9D] = "Ada the author".encode("utf-16-le")
    exif[0x8825] = {1: "N", 2: (IFDRational(51), IFDRational(30), IFDRational(26)), 3: "W",
                    4: (IFDRational(0), IFDRational(7), IFDRational(39))}
    data = encode(image, kind, exif=exif, comment=b"a secret comment") if kind == "JPEG" else encode(
        image, kind, exif=exif)
    assert b"SecretCamera" in data
    return data


def noise(n, seed=1):
    return random.Random(seed).randbytes(n)


def form(parts, boundary=None):
    """(body, content type) of parts: (name, value) or (name, file name, bytes[, type])."""
    boundary = boundary or "----test" + secrets.token_hex(12)
    out = b""
    for part in parts:
        out += f"--{boundary}\r\n".encode()
        if len(part) == 2:
            out += f'Content-Disposition: form-data; name="{part[0]}"\r\n\r\n'.encode()
            out += part[1].encode() if isinstance(part[1], str) else part[1]
        else:
            out += f'Content-Disposition: form-data; name="{part[0]}"; filename="{part[1]}"\r\n'.encode()
            out += f"Content-Type: {part[3] if len(part) > 3 else 'image/jpeg'}\r\n\r\n".encode() + part[2]
        out += b"\r\n"
    return out + f"--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"


def send(client, parts, target=PROFILE, method="PATCH", **more):
    body, kind = form(parts)
    headers = {"Content-Type": kind, **more.pop("headers", {})}
    return client.request(method, target, body=body, headers=headers, **more)


def send_picture(client, data, name="p.jpg", field="profile_picture", **more):
    return send(client, [(field, name, data)], **more)


def local(url, server=None):
    """Path and query of an absolute address."""
    parts = urllib.parse.urlsplit(url)
    assert parts.scheme in ("http", "https") and parts.netloc, url
    assert server is None or parts.netloc == f"127.0.0.1:{server.port}", url
    return parts.path + "?" + parts.query


def opened(data):
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def files_of(server):
    """All files of the media folder."""
    folder = pathlib.Path(server.data) / "media"
    return sorted(p for p in folder.rglob("*") if p.is_file())
