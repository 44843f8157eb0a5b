"""A server of objects that speaks S3, in this process, for as long as a test module runs."""

import logging
from contextlib import contextmanager, suppress

import fsspec
import pytest
from moto.server import ThreadedMotoServer
from werkzeug.wrappers import Response

KEY, SECRET = "testing-key-of-nobody", "testing-secret-of-nobody"
BUCKET = "bucket"


def answering(app, to_conditions):
    """Have a server answer a write with a condition by a status, or, without one, overlook the condition."""

    def asked(environ, start_response):
        if environ.pop("HTTP_IF_NONE_MATCH", None) and to_conditions:
            code = f"<Error><Code>{to_conditions}</Code><Message>A header that is not implemented.</Message></Error>"
            return Response(code, status=501, content_type="application/xml")(environ, start_response)
        return app(environ, start_response)

    return asked


@contextmanager
def object_store(answer=lambda app: app):
    """Start the server and point everything that speaks S3 to it, also in processes started from here."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    server._server.app = answer(server._server.app)
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        patch.setenv("AWS_ACCESS_KEY_ID", KEY)
        patch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        fsspec.get_filesystem_class("s3").clear_instance_cache()  # of another server
        files = fsspec.filesystem("s3", use_listings_cache=False)
        with suppress(FileExistsError):  # servers of one process have the same buckets
            files.mkdir(BUCKET)
        try:
            yield files
        finally:
            files.clear_instance_cache()
            server.stop()
