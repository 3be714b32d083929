"""The pictures of docs/runbooks can be taken anew."""

import asyncio
from pathlib import Path

from PIL import Image

from tests.scenarios.pictures import take


async def test_a_picture_is_taken_anew_from_what_is_shown(tmp_path: Path) -> None:
    await take(["DAILY-001"], tmp_path)
    width, height = await asyncio.to_thread(size_of, tmp_path / "DAILY-001-1-report.png")
    assert width > 500 and height > 300


def size_of(picture: Path) -> tuple[int, int]:
    with Image.open(picture) as shown:
        return shown.size
