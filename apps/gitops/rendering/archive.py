"""Texts as one zip file that is the same, byte for byte, whenever it is made of the same texts."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping

EARLIEST = (1980, 1, 1, 0, 0, 0)  # the first moment that a zip file can name
MODE = 0o644


def zipped(files: Mapping[str, str]) -> bytes:
    """The archive; its entries are in the order of their paths."""
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(files):
            entry = zipfile.ZipInfo(path, EARLIEST)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3  # Unix, wherever it is made
            entry.external_attr = MODE << 16
            archive.writestr(entry, files[path])
    return body.getvalue()
