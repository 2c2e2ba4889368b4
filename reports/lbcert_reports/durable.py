"""What has to survive whatever ends a run."""

import os
from pathlib import Path


def sync_folder(folder: Path) -> None:
    """Make the names of new files in a folder durable; the files' own `fsync` keeps only what is in them."""
    file = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
