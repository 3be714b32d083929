"""The HTTP server in front of the world: threads of its own, loopback only, a free port."""

import threading
from typing import Any

from werkzeug.serving import WSGIRequestHandler, make_server

from sandbox.aws.overlay import Overlay


class Quiet(WSGIRequestHandler):
    """The world keeps its own record of calls."""

    def log(self, type: str, message: str, *args: Any) -> None:
        return

    def send_response(self, code: int, message: str | None = None) -> None:
        """Without a date of the machine's: the one that counts is of the world's clock."""
        self.send_response_only(code, message)
        self.send_header("Server", self.version_string())


class Server:
    def __init__(self, overlay: Overlay) -> None:
        self._overlay = overlay
        self._server = make_server("127.0.0.1", 0, overlay, threaded=True, request_handler=Quiet)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), name="aws-world", daemon=True
        )

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.port}"

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._overlay.stop()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
