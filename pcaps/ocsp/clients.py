"""Scenarios with clients that ask by themselves: libraries, tools, browsers, web servers refreshing their staples."""

from __future__ import annotations

import time
from pathlib import Path

from pcaps.lab.browsers import chromium, firefox, trust_store
from pcaps.lab.netns import Host
from pcaps.ocsp.bench import LARKFIELD, OCSP_V4, Bench, Said, scenario

JAVA_PROGRAM = Path(__file__).parent / "RevocationCheck.java"


def _both(bench: Bench, nickname: str = "clinic", state: str = "good") -> list[Said]:
    return [bench.said("ca"), bench.said(nickname, state)]


def _java(bench: Bench, *names: str, root: str = "root", options: tuple[str, ...] = ()) -> None:
    program = bench.folder / JAVA_PROGRAM.name
    program.write_text(JAVA_PROGRAM.read_text())
    bench.client.run("java", *options, str(program), *(f"{name}.pem" for name in (root, *names)))


@scenario("ocsptool-ask", "GnuTLS asks, without and with a nonce", "ocsptool")
def ocsptool(bench: Bench) -> list[Said]:
    words = [
        "ocsptool",
        f"--ask={LARKFIELD}",
        "--load-cert=clinic.pem",
        "--load-issuer=a-ca.pem",
        "--load-trust=a-ca.pem",
    ]
    bench.client.run(*words)
    bench.client.run(*words, "--nonce")
    return [bench.said("clinic")] * 2


@scenario(
    "gnutls-cli-https", "a TLS client that asks about each certificate of the chain during its handshake", "gnutls-cli"
)
def gnutls_cli(bench: Bench) -> list[Said]:
    words = ("gnutls-cli", "--x509cafile=root.pem", "--ocsp", "www.clinic-northside.example")
    bench.client.run(*words, stdin=b"GET / HTTP/1.0\r\n\r\n")
    return _both(bench)


@scenario("wget2-https", "wget2 fetches a page and asks about the intermediate", "wget2")
def wget2(bench: Bench) -> list[Said]:
    bench.client.run("wget2", "-q", "--ca-certificate=root.pem", "-O/dev/null", "https://www.clinic-northside.example/")
    return [bench.said("ca")]


@scenario("stunnel-https", "stunnel with OCSPaia, and curl through it", "stunnel4")
def stunnel(bench: Bench) -> list[Said]:
    config = bench.folder / "stunnel.conf"
    config.write_text(
        "foreground=yes\npid=\n[clinic]\nclient=yes\naccept=127.0.0.1:9000\nconnect=www.clinic-northside.example:443\n"
        f"CAfile={bench.folder}/root.pem\nverifyChain=yes\nOCSPaia=yes\n"
    )
    bench.client.start("stunnel4", str(config))
    bench.client.wait_port(9000)
    bench.client.run("curl", "-s", "http://127.0.0.1:9000/")
    return _both(bench)


@scenario("java-pkix-get", "Java's PKIX check by GET: intermediate, then leaf", "java")
def java_get(bench: Bench) -> list[Said]:
    _java(bench, "clinic", "ca")
    return _both(bench)


@scenario("java-pkix-revoked", "Java's PKIX check of a revoked certificate", "java")
def java_revoked(bench: Bench) -> list[Said]:
    _java(bench, "outlet", "ca")
    return _both(bench, "outlet", "revoked")


@scenario("java-pkix-post", "Java uses POST where the GET's URL would be longer than 255 octets", "java")
def java_post(bench: Bench) -> list[Said]:
    _java(bench, "long", "ca")
    return _both(bench, "long")


@scenario("java-pkix-nonce", "Java with jdk.security.certpath.ocspNonce, CA with an ECDSA key and path prefix", "java")
def java_nonce(bench: Bench) -> list[Said]:
    options = ("-Djdk.security.certpath.ocspNonce=true",)
    _java(bench, "union", "bright-ca", root="bright-root", options=options)
    return [bench.said("bright-ca"), bench.said("union")]


@scenario("nss-ocspclnt", "NSS: GET by HTTP/1.0, requestExtensions name the acceptable reply types", "ocspclnt")
def ocspclnt(bench: Bench) -> list[Said]:
    trust_store(bench.client, bench.folder / "nss", [bench.folder / "root.pem"])
    for name in ("ca", "clinic"):
        bench.client.run("certutil", "-A", "-d", "sql:nss", "-n", name, "-t", ",,", "-i", f"{name}.pem")
    bench.client.run("ocspclnt", "-d", "sql:nss", "-V", "clinic", "-u", "s")
    return [bench.said("clinic")]


@scenario("dirmngr-gpgsm", "GnuPG validates a chain with OCSP", "dirmngr", "gpgsm")
def dirmngr(bench: Bench) -> list[Said]:
    home = bench.folder / "gnupg"
    home.mkdir(mode=0o700)
    (home / "gpgsm.conf").write_text("enable-ocsp\n")
    fingerprints = {
        name: bench.client.run("openssl", "x509", "-in", f"{name}.pem", "-noout", "-fingerprint")
        .decode()
        .split("=")[1]
        .strip()
        for name in ("root", "a-signer")
    }
    signer = home / "signer.fpr"
    signer.write_text(fingerprints["a-signer"].replace(":", "") + "\n")
    (home / "dirmngr.conf").write_text(f"allow-ocsp\nocsp-signer {signer}\n")
    (home / "trustlist.txt").write_text(f"{fingerprints['root']} S relax\n")
    for name in ("root", "ca", "clinic"):
        bench.client.run("gpgsm", "--homedir", "gnupg", "--disable-dirmngr", "--import", f"{name}.pem", check=False)
    bench.client.run("gpgsm", "--homedir", "gnupg", "--with-validation", "-k", "clinic-northside.example", check=False)
    bench.client.run("gpgconf", "--homedir", "gnupg", "--kill", "all", check=False)
    return [bench.said("clinic")]


@scenario(
    "firefox-esr", "Firefox with security.OCSP.enabled=1 opens a site; parallel connections ask twice", "firefox-esr"
)
def firefox_esr(bench: Bench) -> list[Said]:
    firefox(bench.client, [bench.folder / "root.pem"], ["https://www.clinic-northside.example/"])
    return [bench.said("clinic")] * 2


@scenario("firefox-esr-revoked", "Firefox opens a site whose certificate is revoked", "firefox-esr")
def firefox_revoked(bench: Bench) -> list[Said]:
    firefox(bench.client, [bench.folder / "root.pem"], ["https://www.outlet-garden.example/"], "firefox2")
    return [bench.said("outlet", "revoked")] * 2


@scenario("chromium", "Chromium with EnableOnlineRevocationChecks opens a site; `//` after the AIA URL", "chromium")
def chromium_policy(bench: Bench) -> list[Said]:
    chromium(bench.client, [bench.folder / "root.pem"], ["https://www.clinic-northside.example/"])
    return _both(bench)


def _staple(bench: Bench, server: Host, address: str) -> None:
    words = ["openssl", "s_client", "-connect", f"{address}:443", "-servername", "www.clinic-northside.example"]
    for _ in range(2):
        bench.client.run(*words, "-tls1_2", "-status", stdin=b"", check=False)
        time.sleep(1)
    assert server in bench.lab.hosts


@scenario(
    "nginx-stapling", "nginx fetches its own staple by GET HTTP/1.0 while a client connects twice by TLS 1.2", "dnsmasq"
)
def nginx_stapling(bench: Bench) -> list[Said]:
    from pcaps.lab.services import start_nginx

    bench.lab.servers.start(
        "dnsmasq", "--no-daemon", "--no-resolv", "--no-hosts", "--local=/example/", "--user=root", "--bind-interfaces",
        f"--address=/ocsp.larkfield.example/{OCSP_V4}", "--listen-address=10.20.0.1",
    )  # fmt: skip
    server = bench.lab.client("w", "10.20.0.80")
    block = (
        "  server { listen 443 ssl; server_name www.clinic-northside.example; resolver 10.20.0.1 ipv6=off;\n"
        f"    ssl_certificate {bench.folder}/clinic-chain.pem; ssl_certificate_key {bench.folder}/clinic-chain.key;\n"
        f"    ssl_trusted_certificate {bench.folder}/root.pem; ssl_stapling on; ssl_stapling_verify on; }}\n"
    )
    start_nginx(server, "stapling", block, [443])
    _staple(bench, server, "10.20.0.80")
    return [bench.said("clinic")]


@scenario(
    "apache-stapling",
    "Apache fetches its own staple by POST HTTP/1.0; the staple is in the clear in TLS 1.2",
    "apache2",
)
def apache_stapling(bench: Bench) -> list[Said]:
    server = bench.lab.client("p", "10.20.0.81")
    folder = bench.folder / "apache"
    folder.mkdir()
    modules = ("mpm_event", "authz_core", "socache_shmcb", "ssl")
    lines = [f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so" for name in modules]
    lines += [
        f"ServerRoot {folder}", f"PidFile {folder}/pid", f"ErrorLog {folder}/error.log", "User nobody", "Group nogroup",
        "ServerName www.clinic-northside.example", "Listen 443", f"DocumentRoot {folder}", "SSLSessionCache none",
        f"SSLStaplingCache shmcb:{folder}/staples(128000)", "<VirtualHost *:443>", "SSLEngine on", "SSLUseStapling on",
        f"SSLCertificateFile {bench.folder}/clinic-chain.pem", f"SSLCertificateKeyFile {bench.folder}/clinic-chain.key",
        f"SSLCACertificateFile {bench.folder}/root.pem", "</VirtualHost>",
    ]  # fmt: skip
    (folder / "httpd.conf").write_text("\n".join(lines) + "\n")
    server.start("apache2", "-X", "-f", str(folder / "httpd.conf"))
    server.wait_port(443)
    _staple(bench, server, "10.20.0.81")
    return [bench.said("clinic")]
