"""Chance that comes out the same whenever it is asked about the same thing."""

from zlib import crc32

MASK = 0xFFFFFFFF


def noise(key: str, number: int) -> float:
    """From 0 to 1, evenly; one value for each key and number."""
    x = (crc32(key.encode()) ^ (number * 2654435761)) & MASK
    x = ((x ^ (x >> 15)) * 2246822519) & MASK
    x = ((x ^ (x >> 13)) * 3266489917) & MASK
    return (x ^ (x >> 16)) / MASK


def about(value: float, key: str, number: int, spread: float = 0.08) -> float:
    """That value, give or take."""
    return value * (1 + spread * (2 * noise(key, number) - 1))
