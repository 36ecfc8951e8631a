"""The certificate that a cluster presents to new connections, and its rotation while the cluster serves."""

import ssl
from pathlib import Path

from apps.simcluster.certificates import TlsFiles, rotated, tls_files


class PresentedCertificate:
    """The files in use. A rotation lasts until `reset` or the end of the process; open connections go on."""

    def __init__(self, directory: Path, name: str) -> None:
        self._directory, self._name = directory, name
        self.files: TlsFiles = tls_files(directory, name)
        self._first = self.files
        self._context: ssl.SSLContext | None = None

    def served_by(self, context: ssl.SSLContext | None) -> None:
        """Name the context of the server, which new certificates are put into."""
        self._context = context

    def rotate(self, *, new_authority: bool) -> None:
        directory = self._directory / "rotated"
        self._present(rotated(self.files, directory, self._name, new_authority=new_authority))

    def reset(self) -> None:
        """Back to the first certificate."""
        if self.files != self._first:
            self._present(self._first)

    def _present(self, files: TlsFiles) -> None:
        self.files = files
        if self._context is not None:
            self._context.load_cert_chain(files.certificate, files.key)
