"""Magic numbers: which bytes at which place name which MIME type, and how strongly. Data only; `mime` applies it.

Names and strengths are those of Zeek's file-magic signatures (scripts/base/frameworks/files/magic, read as facts),
so that `resp_mime_types` says what Zeek's says. What needs more than bytes at fixed places (markup, JSON, scripts,
DER) is in `mime`.
"""

from __future__ import annotations

from typing import NamedTuple

Place = tuple[int, tuple[bytes, ...]]
"""An offset, and the byte strings of which one must stand there."""


class Magic(NamedTuple):
    """All `places` must hold; the first is what the table is indexed by. The greatest strength among all that match
    wins, and of equal ones the name that sorts first (Zeek's rule)."""

    mime: str
    strength: int
    places: tuple[Place, ...]


def _at(offset: int, *options: bytes) -> Place:
    return offset, options


def _rows(mime: str, strength: int, *places: Place) -> Magic:
    return Magic(mime, strength, places)


def _head(mime: str, strength: int, *options: bytes) -> Magic:
    return Magic(mime, strength, ((0, options),))


def _bytes(text: str) -> tuple[bytes, ...]:
    """Hexadecimal numbers, one option each."""
    return tuple(bytes.fromhex(word) for word in text.split())


_IMAGES = (
    _head("image/png", 110, b"\x89PNG"),
    _head("image/jpeg", 52, b"\xff\xd8"),
    _head("image/gif", 70, b"GIF8"),
    _rows("image/webp", 70, _at(0, b"RIFF"), _at(8, b"WEBP")),
    _head("image/tiff", 70, b"MM\0*", b"MM\0+", b"II*\0", b"II+\0"),
    _rows("image/x-ms-bmp", 50, _at(0, b"BM"), _at(14, *(bytes((size, 0)) for size in (12, 40, 64, 108, 124, 128)))),
    _head("image/x-icon", 70, b"\0\0\1\0"),
    _head("image/x-cursor", 70, b"\0\0\2\0"),
    _head("image/vnd.adobe.photoshop", 70, b"8BPS"),
    _rows("image/jp2", 60, _at(4, b"ftypjp2")),
    _rows("image/jp2", 70, _at(0, b"\0\0\0\x0cjP  \r\n\x87\n"), _at(20, b"jp2 ")),
    _rows("image/jpx", 70, _at(0, b"\0\0\0\x0cjP  \r\n\x87\n"), _at(20, b"jpx ")),
    _rows("image/jpm", 70, _at(0, b"\0\0\0\x0cjP  \r\n\x87\n"), _at(20, b"jpm ")),
    _rows("image/jp2", 50, _at(4, b"jP")),
    _head("image/x-xcursor", 70, b"Xcur"),
    _head("image/x-niff", 70, b"IIN1"),
    _head("image/x-exr", 70, b"v/1\1"),
    _head("image/x-dpx", 70, b"SDPX"),
    _head("image/x-cpi", 70, b"CPC\xb2"),
    _head("image/x-olympus-orf", 70, b"IIRO", b"IIRS", b"MMOR"),
    _head("image/x-x3f", 70, b"FOVb"),
    _head("image/x-paintnet", 70, b"PDN3"),
    _rows("image/x-coreldraw", 70, _at(0, b"RIFF"), _at(8, b"CDRA", b"CDR6")),
    _head("image/x-portable-pixmap", 50, b"P7"),
    _rows("image/vnd.djvu", 70, _at(0, b"AT&TFORM"), _at(12, b"DJVM", b"DJVU", b"DJVI", b"THUM")),
    _head("image/vnd.dwg", 90, b"AC1.", b"AC2.", b"AC10"),
    _head("image/x-xcf", 110, b"gimp xcf"),
    _head("image/x-polar-monitor-bitmap", 160, b"[BitmapInfo2]"),
    _head("image/x-award-bmp", 20, b"AWBM"),
    _head("image/x-award-bioslogo", 50, b"\x11\x06", b"\x11\x09"),
    _head("image/x-canon-crw", 170, b"II\x1a\0\0\0HEAPCCDR"),
    _head("image/x-canon-cr2", 130, b"II*\0\x10\0\0\0CR"),
    _rows("image/x-quicktime", 70, _at(4, b"idsc")),
    _head("image/x-lss16", 70, b"=\xf3\x13\x14"),
    _rows("image/x-epoc-mbm", 70, _at(0, *_bytes("3700001042000010"))),
    _rows("image/x-epoc-sketch", 70, _at(0, *_bytes("370000106d0000107d000010"))),
)

_SOUND = (
    _head("audio/mpeg", 20, *_bytes("ffe2 ffe3 fff2 fff3 fff6 fff7 fffa fffb fffc fffd")),
    _head("audio/x-hx-aac-adts", 50, *_bytes("fff0 fff1 fff8 fff9")),
    _head("audio/x-hx-aac-adif", 70, b"ADIF"),
    _rows("audio/m4a", 70, _at(4, b"ftypm4a")),
    _rows("audio/mp4", 60, _at(4, b"ftypM4A")),
    _head("audio/x-mp4a-latm", 50, *(bytes((0x56, low)) for low in range(0xE0, 0x100))),
    _head("audio/vnd.dolby.dd-raw", 50, b"\x0b\x77"),
    _head("audio/x-wav", 190, b"RF64\xff\xff\xff\xffWAVEds64"),
    _rows("audio/x-wav", 70, _at(0, b"RIFF"), _at(8, b"WAVE")),
    _rows("audio/x-w64", 190, _at(0, b"riff.\x91\xcf\x11\xa5\xd6(\xdb\x04\xc1\0\0"), _at(24, b"wave\xf3\xac\xd3\x11")),
    _rows("audio/x-aiff", 70, _at(0, b"FORM"), _at(8, b"AIFF", b"AIFC", b"8SVX")),
    _head("audio/x-flac", 70, b"fLaC"),
    _head("audio/x-ape", 70, b"MAC "),
    _head("audio/x-musepack", 60, b"MP+"),
    _head("audio/midi", 70, b"MThd"),
    _head("audio/x-pn-realaudio", 70, b".ra\xfd"),
    _rows(
        "audio/x-dec-basic", 70, _at(0, b".sd\0"), _at(12, *(bytes((n, 0, 0, 0)) for n in (1, 2, 3, 4, 5, 6, 7, 23)))
    ),
    _rows("audio/basic", 70, _at(0, b".snd"), _at(12, *(bytes((0, 0, 0, n)) for n in range(1, 8)))),
    _rows("audio/x-adpcm", 70, _at(0, b".snd"), _at(12, b"\0\0\0\x17")),
    _head("audio/x-mod", 190, b"Extended Module:"),
    _head("audio/x-mod", 20, b"MAS_UTrack_V00/0"),
    _rows("audio/x-mod", 110, _at(21, b"!SCREAM!", b"BMOD2STM")),
    _head("audio/x-mod", 70, b"IMPM"),
    _head("application/ogg", 70, b"OggS"),
)

_VIDEO = (
    _rows("video/mp4", 70, _at(4, b"ftypisom", b"ftypmp41", b"ftypmp42")),
    _rows("video/mp4", 60, _at(4, b"ftypM4V")),
    _rows("video/3gpp", 60, _at(4, b"ftypavc1", b"ftypmmp4", *(b"ftyp3g%c" % c for c in b"egps2"))),
    _rows("video/quicktime", 70, _at(4, b"mdat", b"moov")),
    _rows("video/quicktime", 50, _at(4, b"ftypqt")),
    _rows("application/x-quicktime-player", 70, _at(4, b"pckg")),
    _head("video/x-flv", 60, b"FLV"),
    _rows("video/x-fli", 50, _at(4, b"\x11\xaf")),
    _rows("video/x-flc", 50, _at(4, b"\x12\xaf")),
    _rows("video/mj2", 70, _at(0, b"\0\0\0\x0cjP  \r\n\x87\n"), _at(20, b"mjp2")),
    _head("video/x-mng", 70, b"\x8aMNG"),
    _head("video/x-jng", 70, b"\x8bJNG"),
    _head("video/mpeg", 50, *(b"\0\0\1%c" % code for code in range(0xB0, 0xBC))),
    _head("video/mpv", 71, b"\0\0\1\xb3"),
    _head("video/mp2p", 21, *(b"\0\0\1\xba%c" % c for c in range(0x40, 0x100) if c & 0x40)),
    _head("video/h264", 41, *(b"\0\0\0\1%c" % code for code in range(7, 256, 32))),
    _rows("video/mp2t", 40, _at(0, b"G"), _at(188, b"G"), _at(376, b"G"), _at(564, b"G")),
    _head("video/x-sgi-movie", 70, b"MOVI"),
    _rows("video/x-msvideo", 70, _at(0, b"RIFF"), _at(8, b"AVI ")),
    _head("video/x-ms-asf", 70, b"0&\xb2u"),
    _head("application/vnd.rn-realmedia", 100, b".RMF\0\0\0"),
    _head("application/x-shockwave-flash", 60, b"FWS", b"CWS", b"ZWS"),
)

_FONTS = (
    _head("application/font-woff", 70, b"wOFF"),
    _head("application/font-woff2", 70, b"wOF2"),
    _head("application/x-font-ttf", 80, b"\0\1\0\0\0"),
    _rows("application/vnd.ms-fontobject", 50, _at(34, b"LP")),
    _head("application/vnd.ms-opentype", 70, b"OTTO"),
    _rows("application/x-font-sfn", 70, _at(0, b"\4\0\0\0", b"\0\0\0\4"), _at(104, b"\4\0\0\0", b"\0\0\0\4")),
    _head("application/vnd.font-fontforge-sfd", 160, b"SplineFontDB:"),
)

_ODF = b"\x08\0\0\0mimetypeapplication/vnd.oasis.opendocument."


def _open_document(kind: str, suffix: str = "") -> Magic:
    """A longer name (a template) must win over the kind it begins with."""
    name = kind + suffix
    return _rows(
        f"application/vnd.oasis.opendocument.{name}",
        120 if suffix else 110,
        _at(0, b"PK\3\4"),
        _at(26, _ODF + name.encode()),
    )


_OFFICE_KINDS = ("text", "graphics", "presentation", "spreadsheet", "chart", "formula", "database", "image")
_ARCHIVES = (
    _head("application/zip", 10, b"PK\3\4", b"PK\7\x08PK\3\4"),
    _head("application/vnd.openxmlformats-officedocument", 50, b"PK\3\4\x14\0\6\0"),
    _rows("application/vnd.google-earth.kmz", 100, _at(0, b"PK\3\4\x14"), _at(30, b"doc.kml")),
    _rows("application/epub+zip", 110, _at(0, b"PK\3\4"), _at(26, b"\x08\0\0\0mimetypeapplication/epub+zip")),
    *(_open_document(kind, suffix) for kind in _OFFICE_KINDS for suffix in ("", "-template")),
    _open_document("text", "-web"),
    _open_document("text", "-master"),
    _head("application/x-rar", 70, b"Rar!"),
    _head("application/x-gzip", 100, b"\x1f\x8b"),
    _head("application/x-compress", 50, b"\x1f\x9d"),
    _head("application/x-bzip2", 60, b"BZh"),
    _head("application/x-xz", 90, b"\xfd7zXZ\0"),
    _head("application/x-7z-compressed", 50, b"7z\xbc\xaf'\x1c"),
    _head("application/x-lzma", 71, b"]\0\0"),
    _head("application/x-lz4", 70, b"\2\x21\x4c\x18", b"\4\x22\x4d\x18"),
    _head("application/x-lrzip", 1, b"LRZI"),
    _head("application/x-lzip", 70, b"LZIP"),
    _head("application/vnd.ms-cab-compressed", 110, b"MSCF\0\0\0\0"),
    _head("application/x-dmg", 100, *_bytes("7801730d626260 78da63601805 780163601805 78da730d")),
    _head(
        "application/x-dmg", 100, *(bytes((0x78, low, 0xED, high)) for low in (1, 0xDA) for high in range(0xD0, 0xDA))
    ),
    _head("application/x-xar", 100, b"xar!"),
    _head("application/x-rpm", 70, b"drpm", b"\xed\xab\xee\xdb"),
    _head("application/x-debian-package", 171, b"!<arch>\ndebian"),
    _head("application/x-archive", 70, b"<ar>", b"<arch>", b"!<ar>", b"!<arch>"),
    _head("application/x-stuffit", 70, b"SIT!", b"StuffIt"),
    _head("application/x-eet", 70, b"\x1e\xe7\xff\0"),
    _rows("application/x-zoo", 70, _at(20, b"\xdc\xa7\xc4\xfd")),
    _rows("application/x-lzh", 80, _at(2, *(b"-lh%c-" % c for c in b" abcdex0123456789"))),
    _rows("application/x-lzh", 80, _at(2, b"-pm0-", b"-pm1-", b"-pm2-", b"-pms-", b"-pc1-")),
    _rows("application/x-lzh", 80, _at(2, *(b"-lz%c-" % c for c in b"s2345678"))),
    _head("application/warc", 50, b"WARC/"),
    _head("application/x-arj", 50, b"\x60\xea"),
    _head("application/x-cpio", 50, b"\xc7q", b"q\xc7"),
    _rows("application/x-ace", 100, _at(7, b"**ACE**")),
    _head("application/x-iso9660-image", 99, b"CD001"),
    _head("application/x-ia-arc", 140, b"filedesc://"),
    _head("application/x-svr4-package", 230, b"# PaCkAgE DaTaStReAm"),
    _rows("application/x-shar", 280, _at(10, b"# This is a shell archive")),
    _rows("application/mac-binhex40", 320, _at(11, b"must be converted with BinHex")),
    _head("application/x-bittorrent", 140, b"d8:announce"),
)


def _elf(mime: str, kind: int) -> tuple[Magic, ...]:
    """e_type, 16 bytes in, of either byte order (ELF specification, figure 1-3)."""
    low, high = bytes((kind, 0)), bytes((0, kind))
    return (
        _rows(mime, 50, _at(0, b"\x7fELF\1\1", b"\x7fELF\2\1"), _at(16, low)),
        _rows(mime, 50, _at(0, b"\x7fELF\1\2", b"\x7fELF\2\2"), _at(16, high)),
    )


_PYTHON = """
fcc4 994e 87c6 2aed 2ded 3bf2 45f2 59f2 63f2 6df2 77f2 81f2 8bf2 8cf2 95f2 9ff2 a9f2 b3f2 c7f2 d1f2 dbf2 e5f2
eff2 f9f2 03f3 b80b c20b cc0b d60b e00b ea0b f40b f50b ff0b 090c 130c 1d0c 1f0c 270c 3b0c 450c 4f0c 580c 620c 6c0c 760c
800c 940c 9e0c b20c cc0c c60c d00c da0c e40c ee0c f80c 020d 0c0d 160d 170d 200d 210d 2a0d 2b0d 2c0d 2d0d 2f0d 300d 310d
320d 330d 480d 490d"""
"""CPython's magic numbers, little-endian (Include/internal/pycore_magic_number.h), up to 3.7; later ones are ranges."""
_PYTHON_RANGES = ((0x3E, 0x42), (0x52, 0x55), (0x5C, 0x61), (0x66, 0x6F), (0x7A, 0xA7), (0xAC, 0xCB), (0xDE, 0xF3))

_PROGRAMS = (
    _head("application/x-dosexec", 51, b"MZ"),
    _rows("application/x-dosexec", 190, _at(369, b"MICROSOFT PIFEX\0")),
    _rows("application/zip", 340, _at(0, b"MZ"), _at(30, b"Copyright 1989-1990 PKWARE Inc.", b"PKLITE Copr.")),
    _rows("application/x-lha", 120, _at(0, b"MZ"), _at(36, b"LHA's SFX", b"LHa's SFX")),
    *_elf("application/x-object", 1),
    *_elf("application/x-executable", 2),
    *_elf("application/x-sharedlib", 3),
    *_elf("application/x-coredump", 4),
    _head("application/x-mach-o-executable", 100, b"\xce\xfa\xed\xfe", b"\xcf\xfa\xed\xfe"),
    _rows(
        "application/x-mach-o-executable",
        100,
        _at(0, b"\xca\xfe\xba\xbe"),
        _at(6, *(bytes((0, n)) for n in range(1, 21))),
    ),
    _rows(
        "application/x-java-applet", 71, _at(0, b"\xca\xfe\xba\xbe"), _at(7, *(b"%c" % n for n in range(0x2D, 0x35)))
    ),
    _rows("application/x-java-pack200", 1, _at(0, b"\xca\xfe\xd0\r"), _at(4, *(b"%c" % n for n in range(256)))),
    _head("application/x-java-jnlp-file", 100, b"<jnlp "),
    _head("application/x-java-keystore", 70, b"\xfe\xed\xfe\xed"),
    _head("application/x-java-jce-keystore", 70, b"\xce" * 4),
    _rows("application/x-elc", 10, _at(0, b";ELC"), _at(4, *(b"%c" % n for n in range(256) if n < 32 or n > 127))),
    _head("application/x-python-bytecode", 80, *(magic + b"\r\n" for magic in _bytes(_PYTHON))),
    _head("application/x-python-bytecode", 80, *(b"%c\r\r\n" % n for a, b in _PYTHON_RANGES for n in range(a, b + 1))),
    _head("application/x-python-bytecode", 80, *(b"%c\x0e\r\n" % n for n in range(0x10, 0x1A))),
    _rows("x-epoc/x-sisx-app", 70, _at(0, b"\x7a\x1a\x20\x10")),
    _rows("application/vnd.symbian.install", 70, _at(8, b"\x19\x04\x00\x10")),
)

_DOCUMENTS = (
    _head("application/pdf", 80, b"%PDF-"),
    _head("application/vnd.fdf", 80, b"%FDF-"),
    _head("application/postscript", 50, b"%!"),
    _head("application/postscript", 60, b"\4%!"),
    _head("text/rtf", 80, b"{\\rtf"),
    _head("application/msword", 50, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"),
    _rows("application/x-msaccess", 180, _at(4, b"Standard Jet DB\0", b"Standard ACE DB\0")),
    _head("application/vnd.lotus-wordpro", 120, b"WordPro\r\xfb"),
    _head("application/vnd.lotus-wordpro", 110, b"WordPro\0"),
    _rows("application/x-ichitaro4", 40, _at(0, b"DOC"), _at(43, b"\x14")),
    _rows("application/x-ichitaro5", 40, _at(0, b"DOC"), _at(43, b"\x15")),
    _rows("application/x-ichitaro6", 40, _at(0, b"DOC"), _at(43, b"\x16")),
    _rows("application/x-quark-xpress-3", 90, _at(2, b"MMXPR3")),
    _head("application/x-dvi", 50, b"\xf7\2"),
    _head("application/x-mif", 190, b"<MakerScreenFont"),
    _head("application/x-mif", 130, b"<MakerFile"),
    _head("application/x-mif", 120, b"<BookFile"),
    _head("application/x-mif", 110, b"<MIFFile"),
    _head("application/x-mif", 90, b"<Maker"),
    _head("application/x-mif", 70, b"<MML"),
    _head("application/x-scribus", 260, b"<SCRIBUSUTF8NEW Version"),
    _head("application/x-freeplane", 260, b'<map version="freeplane', b'<mapversion="freeplane'),
    _head("application/x-freemind", 150, b"<map version", b"<mapversion"),
    _rows("application/x-gnumeric", 160, _at(39, b"<gmr:Workbook")),
    _rows("application/x-sc", 140, _at(38, b"Spreadsheet")),
    _head("application/x-ms-reader", 1, b"ITOLITLS"),
    _head("application/mshelp", 100, b"ITSF"),
    _head("application/vnd.cups-raster", 40, b"3SaR", b"RaS3"),
    _head("model/vrml", 190, *(b"#VRML%bV1.0%bascii" % (a, b) for a in (b"", b" ") for b in (b"", b" "))),
    _head("model/vrml", 180, *(b"#VRML%bV2.0%butf8" % (a, b) for a in (b"", b" ") for b in (b"", b" "))),
    _head("application/sla", 10, b"solid "),
    _head("application/skp", 100, b"\xff\xfe\xff\x0e" + "SketchUp Model".encode("utf-16-le")),
    _rows("application/x-epoc-agenda", 70, _at(0, *_bytes("500000106d00001084000010"))),
    _rows("application/x-epoc-data", 70, _at(0, *_bytes("500000106d00001086000010"))),
    _rows("application/x-epoc-jotter", 70, _at(0, *_bytes("500000106d000010ea0c0010"))),
    _rows("application/x-epoc-word", 70, _at(0, *_bytes("370000106d0000107f000010"))),
    _rows("application/x-epoc-opl", 70, _at(0, *_bytes("370000106d00001085000010"))),
    _rows("application/x-epoc-sheet", 70, _at(0, *_bytes("370000106d00001088000010"))),
    _rows("application/x-epoc-opo", 70, _at(0, *_bytes("3700001073000010"))),
    _rows("application/x-epoc-app", 70, _at(0, *_bytes("3700001074000010"))),
)

_TEXTS = (
    _head("application/x-pem", 0, b"-----BEGIN CERTIFICATE-----"),
    _head("application/pgp-signature", 280, b"-----BEGIN PGP SIGNATURE-"),
    _head("application/pgp", 260, b"-----BEGIN PGP MESSAGE-"),
    _rows("application/pgp-keys", 330, _at(2, b"---BEGIN PGP PUBLIC KEY BLOCK-")),
    _head("application/x-pgp-keyring", 50, *_bytes("9900 9501 9500")),
    _head("application/x-gnupg-keyring", 50, b"\x99\1"),
    _head("text/PGP", 50, b"\xa6\0", b"\x85\2"),
    _head("text/calendar", 180, b"BEGIN:VCALENDAR"),
    _head("text/x-vcard", 140, b"BEGIN:VCARD"),
    _head("message/rfc822", 170, b"Relay-Version:"),
    _head("message/rfc822", 130, b"Forward to"),
    _head("message/rfc822", 120, b"N#! rnews"),
    _head("message/rfc822", 110, b"#! rnews"),
    _head("message/rfc822", 100, b"Pipe to"),
    _head("message/rfc822", 80, b"From:"),
    _head("message/news", 100, b"Article"),
    _head("message/news", 80, b"Path:", b"Xref:"),
    _head("text/x-xmcd", 90, b"# xmcd"),
    _head("application/x-kdelnk", 220, b"[KDE Desktop Entry]"),
    _head("application/x-kdelnk", 200, b"# KDE Config File"),
    _head("text/x-m4", 40, b"dnl "),
    _head("text/x-po", 37, b"msgid "),
    _head("application/vnd.ms-reg", 49, b"REGEDIT4"),
    _head("application/vnd.ms-reg", 49, b"\xff\xfe" + "Windows Registry Editor Version 5.00".encode("utf-16-le")),
)

_OTHERS = (
    _head("application/vnd.tcpdump.pcap", 70, b"\xa1\xb2\xc3\xd4", b"\xd4\xc3\xb2\xa1"),
    _rows("application/vnd.tcpdump.pcap", 100, _at(0, b"\n\r\r\n"), _at(8, b"\x1a\x2b\x3c\x4d", b"\x4d\x3c\x2b\x1a")),
    _head("application/x-ms-shortcut", 49, b"L\0\0\0\1\x14\2\0\0\0\0\0\xc0\0\0\0\0\0\0F"),
    _head("application/vnd.ms-pol", 49, b"PReg"),
    _head("application/vnd.ms-regf", 49, b"regf"),
    _rows(
        "application/vnd.ms-outlook",
        49,
        _at(0, b"!BDN"),
        _at(10, *(bytes((v, n)) for v in (14, 15, 21, 23) for n in (0, 1, 2))),
    ),
    _head("application/vnd.apple-afpinfo", 0, b"AFP"),
    _head("application/vnd.ms-tnef", 100, b"\x78\x9f\x3e\x22"),
    _head("application/x-ms-dds", 100, b"DDS"),
    _head("application/bsdiff", 100, b"BSDIFF"),
    _head("application/bindiff", 100, b"DIFF"),
    _head("application/x-kaspavdb", 100, b"KLZF"),
    _head("application/x-kaspavupdate", 100, b"KLD2"),
    _head("application/mssql-bak", 100, b"MSSQLBAK"),
    _head("application/mtf", 100, b"TAPE"),
    _head("application/bplist", 100, b"bplist"),
    _head("application/x-game-mpq", 100, b"MPQ\x1a"),
    _head("application/x-blizgame", 100, b"BLTE"),
    _head("application/map-tile", 100, b"VMP4"),
    _head("application/chrome-ext", 100, b"Cr24"),
    _head("application/chrome-ext-upd", 70, b"CrOD"),
    _head("application/msqm", 100, b"MSQM"),
    _head("application/x-vim-tmp", 100, b"b0VIM"),
    _head("application/x-windows-minidump", 50, b"MDMP"),
    _head("application/x-hdf", 110, b"\x89HDF\r\n\x1a\n"),
    _head("application/x-hdf", 70, b"\x0e\x03\x13\x01"),
    _rows("application/dicom", 70, _at(128, b"DICM")),
    _head("application/x-dbm", 70, b"\x61\x15\x06\0", b"\0\x06\x15\x61"),
    _head("application/x-gdbm", 70, b"GDBM", b"\xce\x9a\x57\x13", b"\x13\x57\x9a\xce"),
    _rows("application/x-tokyocabinet-hash", 40, _at(0, b"ToKyO CaBiNeT\n"), _at(32, b"\0")),
    _rows("application/x-tokyocabinet-btree", 40, _at(0, b"ToKyO CaBiNeT\n"), _at(32, b"\1")),
    _rows("application/x-tokyocabinet-fixed", 40, _at(0, b"ToKyO CaBiNeT\n"), _at(32, b"\2")),
    _rows("application/x-tokyocabinet-table", 40, _at(0, b"ToKyO CaBiNeT\n"), _at(32, b"\3")),
)

MAGIC: tuple[Magic, ...] = (*_IMAGES, *_SOUND, *_VIDEO, *_FONTS, *_ARCHIVES, *_PROGRAMS, *_DOCUMENTS, *_TEXTS, *_OTHERS)
