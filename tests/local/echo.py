"""A web server that says who it is and what it was asked: `echo.py NAME PORT`."""

import http.server
import sys


class Echo(http.server.BaseHTTPRequestHandler):
    def do_GET(self):  # noqa: N802, the library's name
        answer = f"{sys.argv[1]} got {self.path} for {self.headers['Host']}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[2])), Echo).serve_forever()
