"""The servers of the recordings: OpenSSL's OCSP responder and nginx, configured in the lab's folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pcaps.lab.authority import Authority, Issued, write
from pcaps.lab.netns import Host, Lab


def start_responder(
    lab: Lab, authority: Authority, port: int, *, name: str, delegate: Issued | None = None,
    revoked: dict[str, str] | None = None, absent: Sequence[str] = (), shift: str | None = None,
    options: Sequence[str] = ("-ndays", "7"),
) -> None:  # fmt: skip
    """`openssl ocsp -index` on `port` of the servers; `shift` (as "-12d") gives it another idea of the time."""
    index = lab.folder / f"{name}.index"
    index.write_text(authority.index(revoked or {}, absent))
    issuer = write(lab.folder, f"{name}-ca", authority.issued)
    signer = write(lab.folder, f"{name}-signer", delegate or authority.issued)
    words = ["openssl", "ocsp", "-index", str(index), "-port", str(port), "-CA", f"{issuer}.pem"]
    words += ["-rsigner", f"{signer}.pem", "-rkey", f"{signer}.key", "-rmd", "sha256", "-ignore_err", *options]
    if delegate is None:
        words += ["-resp_no_certs"]
    if shift:
        words = ["faketime", "-f", shift, *words]
    lab.servers.start(*words)
    lab.servers.wait_port(port)


NGINX_HEAD = """\
daemon off;
master_process off;
pid {folder}/{tag}.pid;
error_log {folder}/{tag}-error.log warn;
events {{ worker_connections 256; }}
http {{
  access_log off;
  default_type application/octet-stream;
  types {{
    text/html html; text/css css; application/javascript js; application/json json; text/plain txt;
    image/png png; image/jpeg jpg; image/gif gif; image/svg+xml svg; application/pdf pdf; application/zip zip;
    application/gzip gz; font/woff2 woff2; application/pkix-crl crl; application/pkix-cert cer crt;
    application/pkcs7-mime p7c; application/x-ns-proxy-autoconfig pac; image/x-icon ico;
  }}
  client_body_temp_path {folder}/{tag}-body; proxy_temp_path {folder}/{tag}-proxy;
  fastcgi_temp_path {folder}/{tag}-f; uwsgi_temp_path {folder}/{tag}-u; scgi_temp_path {folder}/{tag}-s;
  merge_slashes off;
  server_tokens off;
"""


def start_nginx(host: Host, tag: str, servers: str, ports: Sequence[int]) -> None:
    """nginx in one process with the given `server` blocks, until the lab closes."""
    folder = host.lab.folder
    config = folder / f"{tag}.conf"
    config.write_text(NGINX_HEAD.format(folder=folder, tag=tag) + servers + "}\n")
    host.start("nginx", "-c", str(config), "-e", str(folder / f"{tag}-error.log"))
    for port in ports:
        host.wait_port(port)


def proxy(names: str, port: int, listen: Sequence[str] = ("80", "[::]:80"), extra: str = "") -> str:
    """A `server` block that hands everything to a responder, the target as it came."""
    where = " ".join(f"listen {each};" for each in listen)
    location = f"location / {{ proxy_pass http://127.0.0.1:{port}; }}"
    return f"  server {{ {where} server_name {names}; {extra}\n    {location}\n  }}\n"


def canned(names: str, files: dict[str, Path], listen: Sequence[str] = ("80", "[::]:80")) -> str:
    """A `server` block that answers GET and POST below each prefix with one file: pre-produced replies.

    nginx refuses POST to a file with 405; the error page of that is the file itself.
    """
    where = " ".join(f"listen {each};" for each in listen)
    blocks = "".join(
        f"    location {prefix} {{ default_type application/ocsp-response; root {path.parent};"
        f" error_page 405 =200 /{path.name}; rewrite ^ /{path.name} break; }}\n"
        f"    location = /{path.name} {{ internal; default_type application/ocsp-response; root {path.parent}; }}\n"
        for prefix, path in files.items()
    )
    return f"  server {{ {where} server_name {names};\n{blocks}  }}\n"
