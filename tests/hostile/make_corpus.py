"""Good files made from numbers: recordings, tables, pictures and archives; nothing binary is in git."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib

import cv2
import numpy as np
from PIL import Image

PATIENT = "John Smith MRN 123"
BEACON = "![x](http://evil.example/p.png)"
FS = 250
SECONDS = 30
N = FS * SECONDS

Files = list[tuple[str, bytes]]


def ecg(n: int = N, fs: float = FS, *, lead: int = 0) -> np.ndarray:
    """A plain synthetic ECG (n,) int in units of 1/200 mV, 75 beats a minute."""
    phase = (np.arange(n) / fs) % 0.8 - 0.4
    waves = ((-0.16, 0.02, 0.15), (0.0, 0.01, 1.1 - 0.3 * lead), (0.035, 0.012, -0.25), (0.25, 0.05, 0.3))
    mv = sum(a * np.exp(-0.5 * ((phase - m) / s) ** 2) for m, s, a in waves)
    return np.round(200 * (mv + 0.05 * np.sin(np.arange(n) / fs))).astype(np.int64)


def pack(samples: np.ndarray, fmt: str) -> bytes:
    """Samples (n, n_leads) as a WFDB signal file, written from the format's definition (signal(5))."""
    flat = np.asarray(samples, np.int64).ravel()
    if fmt == "16":
        return flat.astype("<i2").tobytes()
    if fmt == "61":
        return flat.astype(">i2").tobytes()
    if fmt == "32":
        return flat.astype("<i4").tobytes()
    if fmt == "80":
        return (flat + 128).astype(np.uint8).tobytes()
    if fmt == "160":
        return (flat + 32768).astype("<u2").tobytes()
    if fmt == "24":
        return flat.astype("<i4").view(np.uint8).reshape(-1, 4)[:, :3].tobytes()
    if fmt == "212":
        even = np.append(flat, 0) if flat.size % 2 else flat
        first, second = even[0::2] & 0xFFF, even[1::2] & 0xFFF
        packed = np.stack([first & 0xFF, (first >> 8) | ((second >> 8) << 4), second & 0xFF], axis=1)
        return packed.astype(np.uint8).tobytes()[: -(-3 * flat.size // 2)]
    if fmt in ("310", "311"):
        first, second, third = np.append(flat, np.zeros(-flat.size % 3, np.int64)).reshape(-1, 3).T & 0x3FF
        if fmt == "310":
            words = (first << 1) | ((third & 0x1F) << 11) | (second << 17) | ((third >> 5) << 27)
        else:
            words = first | (second << 10) | (third << 20)
        size = 4 * (flat.size // 3) + (0, 2, 4 if fmt == "310" else 3)[flat.size % 3]
        return words.astype("<u4").tobytes()[:size]
    raise ValueError(fmt)


def checksum(values: np.ndarray) -> int:
    """WFDB's 16-bit checksum of one lead."""
    return (int(values.sum()) + 2**15) % 2**16 - 2**15


def signal_line(values: np.ndarray, *, file: str, fmt: str, gain: str = "200/mV", lead: str = "MLII") -> str:
    return f"{file} {fmt} {gain} 12 0 {values[0]} {checksum(values)} 0 {lead}"


def record(
    name: str = "r", *, fmt: str = "16", fs: str = str(FS), gain: str = "200/mV", samples: np.ndarray | None = None
) -> dict[str, bytes]:
    """A good record of two leads: {"r.hea": ..., "r.dat": ..., "r.atr": ...}."""
    if samples is None:
        samples = np.stack([ecg(), ecg(lead=1)], axis=1)
    if fmt == "80":
        samples = samples // 4
    lines = [f"{name} {samples.shape[1]} {fs} {samples.shape[0]}"]
    for i, lead in zip(range(samples.shape[1]), ("MLII", "V5", "V1"), strict=False):
        lines.append(signal_line(samples[:, i], file=f"{name}.dat", fmt=fmt, gain=gain, lead=lead))
    lines.append(f"# {PATIENT} {BEACON}")
    return {
        f"{name}.hea": ("\n".join(lines) + "\n").encode(),
        f"{name}.dat": pack(samples, fmt),
        f"{name}.atr": annotations(),
    }


def annotations(beats: list[tuple[int, int]] | None = None, *, end: bytes = b"\0\0") -> bytes:
    """An annotation file of (sample, code); by default one N (code 1) per beat of `ecg`."""
    if beats is None:
        beats = [(round((0.4 + 0.8 * i) * FS), 1) for i in range(int((SECONDS - 1) / 0.8))]
    words, last = [], 0
    for sample, code in beats:
        step = sample - last
        if not 0 <= step < 1024:
            words += [59 << 10, (step >> 16) & 0xFFFF, step & 0xFFFF]
            step = 0
        words.append(code << 10 | step)
        last = sample
    return struct.pack(f"<{len(words)}H", *words) + end


def note(text: bytes) -> bytes:
    """A NOTE annotation at sample 0 with an auxiliary text."""
    padded = text + b"\0" * (len(text) % 2)
    return struct.pack("<HH", 22 << 10, 63 << 10 | len(text)) + padded


def table(*, rows: int = N, delimiter: str = ",", decimal: str = ".", header: str | None = "MLII,V5") -> bytes:
    """A good CSV of two leads in mV."""
    first, second = ecg(rows) / 200, ecg(rows, lead=1) / 200
    lines = [] if header is None else [header.replace(",", delimiter)]
    lines += [
        f"{a:.4f}{delimiter}{b:.4f}".replace(".", decimal) for a, b in zip(first.tolist(), second.tolist(), strict=True)
    ]
    return ("\n".join(lines) + "\n").encode()


def beat_curve(n: int) -> np.ndarray:
    """One beat (n,), upwards, R = about 1."""
    t = np.linspace(-0.35, 0.45, n)
    waves = ((-0.16, 0.02, 0.15), (-0.02, 0.008, -0.12), (0, 0.009, 1.0), (0.03, 0.01, -0.25), (0.22, 0.05, 0.28))
    return np.asarray(sum(a * np.exp(-0.5 * ((t - m) / s) ** 2) for m, s, a in waves))


def draw_beat(
    width: int = 400,
    height: int = 300,
    *,
    ink: tuple[int, int, int] = (0, 0, 0),
    ground: tuple[int, int, int] = (255, 255, 255),
    thickness: int = 2,
    grid: tuple[int, int, int] | None = None,
    frame: tuple[int, int, int] | None = None,
    labels: bool = False,
    noise: float = 0.0,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A drawn beat (height, width, 3) and its true columns and rows."""
    picture = np.empty((height, width, 3), np.uint8)
    picture[:] = ground
    if grid is not None:
        for x in range(0, width, 10):
            cv2.line(picture, (x, 0), (x, height), grid, 1 + (x % 50 == 0))
        for y in range(0, height, 10):
            cv2.line(picture, (0, y), (width, y), grid, 1 + (y % 50 == 0))
    left, top = width // 10, height // 10
    if frame is not None:
        cv2.rectangle(picture, (left - 6, top - 6), (width - left + 6, height - top + 6), frame, 1)
    if labels:
        for i in range(6):
            x = left + i * (width - 2 * left) // 5
            cv2.putText(
                picture, f"0.{i}", (x - 8, height - 4), cv2.FONT_HERSHEY_SIMPLEX, 0.35, (0, 0, 0), 1, cv2.LINE_AA
            )
    curve = beat_curve(4 * width)
    columns = np.linspace(left, width - 1 - left, curve.size)
    rows = top + (curve.max() - curve) / np.ptp(curve) * (height - 1 - 2 * top)
    points = np.round(np.stack([columns, rows], axis=1) * 16).astype(np.int32)
    cv2.polylines(picture, [points], False, ink, thickness, cv2.LINE_AA, 4)
    if noise:
        noisy = picture + np.random.default_rng(0).normal(0, noise, picture.shape)
        picture = np.clip(noisy, 0, 255).astype(np.uint8)
    return picture, columns, rows


def encoded(picture: np.ndarray | Image.Image, kind: str = "PNG", **options: object) -> bytes:
    """A picture as PNG or JPEG bytes."""
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def zipped(files: Files, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A ZIP archive in memory."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, payload in files:
            archive.writestr(zipfile.ZipInfo(name), payload, compress_type=method)
    return buffer.getvalue()


def _pdf(picture: np.ndarray, *, pages: int = 1, resolution: float = 100.0) -> bytes:
    image = Image.fromarray(np.ascontiguousarray(picture))
    return encoded(image, "PDF", resolution=resolution, save_all=True, append_images=[image] * (pages - 1))


def png_header(width: int, height: int) -> bytes:
    """A PNG that announces a size and holds almost nothing."""
    ihdr = struct.pack(">II5B", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + png_chunk(b"IHDR", ihdr)
        + png_chunk(b"IDAT", zlib.compress(b"\0" * 100))
        + png_chunk(b"IEND", b"")
    )


def png_chunk(kind: bytes, content: bytes) -> bytes:
    """A part of a PNG file with its length and checksum."""
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
