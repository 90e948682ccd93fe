"""Firefox ESR and Chromium, headless, asking OCSP responders, in fresh profiles inside the lab's folder."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pcaps.lab.netns import Host

CHROMIUM_POLICY = Path("/etc/chromium/policies/managed/ocspwatch-lab.json")  # the one place where Chromium looks
FIREFOX_PREFERENCES: dict[str, bool | int | str] = {
    "security.OCSP.enabled": 1,
    "security.OCSP.require": False,
    "security.pki.crlite_mode": 0,
    "security.remote_settings.crlite_filters.enabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "network.http.http3.enable": False,
    "network.trr.mode": 5,
    "app.normandy.enabled": False,
    "app.update.enabled": False,
    "browser.safebrowsing.malware.enabled": False,
    "browser.safebrowsing.phishing.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "extensions.update.enabled": False,
    "services.settings.server": "data:,#remote-settings-dummy/v1",
    "toolkit.telemetry.enabled": False,
}


def trust_store(host: Host, folder: Path, roots: list[Path]) -> None:
    """An NSS data base that trusts `roots` as TLS authorities."""
    folder.mkdir(parents=True, exist_ok=True)
    host.run("certutil", "-N", "-d", f"sql:{folder}", "--empty-password")
    for number, root in enumerate(roots):
        host.run("certutil", "-A", "-d", f"sql:{folder}", "-n", f"root{number}", "-t", "C,,", "-i", str(root))


def firefox(host: Host, roots: list[Path], urls: list[str], profile: str = "firefox") -> None:
    """Visit `urls`, one after the other, with one profile."""
    folder = host.lab.folder / profile
    if not folder.exists():
        trust_store(host, folder, roots)
        lines = [
            f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in FIREFOX_PREFERENCES.items()
        ]
        (folder / "user.js").write_text("".join(lines))
    for number, url in enumerate(urls):
        shot = str(folder / f"shot{number}.png")
        words = ["firefox-esr", "--headless", "--no-remote", "--profile", str(folder), "--screenshot", shot, url]
        host.run("timeout", "-k", "5", "45", *words, check=False, timeout_s=60)


@contextmanager
def _policy() -> Iterator[None]:
    made = [folder for folder in (*CHROMIUM_POLICY.parents,) if not folder.exists()]
    CHROMIUM_POLICY.parent.mkdir(parents=True, exist_ok=True)
    CHROMIUM_POLICY.write_text('{"EnableOnlineRevocationChecks": true}\n')
    try:
        yield
    finally:
        CHROMIUM_POLICY.unlink()
        for folder in made:
            folder.rmdir()


def chromium(host: Host, roots: list[Path], urls: list[str], profile: str = "chromium") -> None:
    """Visit `urls`, one after the other, with one profile and revocation checks switched on by policy."""
    folder = host.lab.folder / profile
    home = folder / "home"
    if not folder.exists():
        trust_store(host, home / ".pki" / "nssdb", roots)
    flags = [
        "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync",
        "--disable-default-apps", "--dump-dom",
    ]  # fmt: skip
    with _policy():
        for url in urls:
            words = ["chromium", *flags, f"--user-data-dir={folder / 'data'}", url]
            environment = {"HOME": str(home), "XDG_CONFIG_HOME": str(home), "XDG_CACHE_HOME": str(home)}
            host.run("timeout", "-k", "5", "45", *words, check=False, timeout_s=60, env=environment)


def have(*programs: str) -> bool:
    """Whether all of them are installed."""
    return all(shutil.which(each) for each in programs)
