"""A web server on the loopback: range_server.py FOLDER PORT_FILE [--break NAME]. It knows ranges; NAME breaks off halfway at the first request."""

import http.server
import os
import sys

folder, port_file = sys.argv[1:3]
broken = {sys.argv[4]} if len(sys.argv) > 3 else set()


class Handler(http.server.BaseHTTPRequestHandler):
    def answer(self, body):
        path = os.path.join(folder, self.path.lstrip("/"))
        if not os.path.isfile(path):
            return self.send_error(404)
        with open(path, "rb") as f:
            data = f.read()
        start = 0
        if "Range" in self.headers:
            start = int(self.headers["Range"].removeprefix("bytes=").split("-")[0])
            if start >= len(data):
                return self.send_error(416)
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        else:
            self.send_response(200)
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        name = os.path.basename(path)
        if body and name in broken:
            broken.discard(name)
            self.wfile.write(data[start:len(data) // 2])
            self.wfile.flush()
            self.connection.close()
        elif body:
            self.wfile.write(data[start:])

    def do_GET(self):
        self.answer(True)

    def do_HEAD(self):
        self.answer(False)

    def log_message(self, text, *args):
        with open("requests.txt", "a") as f:
            f.write(f"{self.command} {self.path} {self.headers.get('Range', '')}\n")


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
with open(port_file + ".tmp", "w") as f:
    f.write(str(server.server_port))
os.rename(port_file + ".tmp", port_file)
server.serve_forever()
