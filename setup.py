"""Compiles the packet and message paths where a C compiler is found; without one the same source runs as Python."""

import os
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

HERE = Path(__file__).parent
# A module is compiled when a .pxd of the same name lies beside it; a .pxd alone (structs.pxd) only declares.
MODULES = sorted(p.with_suffix("") for p in (HERE / "sensor").glob("**/*.pxd") if p.with_suffix(".py").exists())


class OptionalBuild(build_ext):
    """A module that cannot be compiled is left as Python, and says so."""

    def run(self) -> None:
        self.parallel = self.parallel or os.cpu_count()
        try:
            super().run()
        except Exception as error:  # noqa: BLE001  (no compiler at all: distutils raises what it likes)
            print(f"ocspwatch: not compiled, runs as Python, slower: {error}")


def extensions() -> list[Extension]:
    from Cython.Build import cythonize

    return cythonize(
        [
            Extension(
                ".".join(m.relative_to(HERE).parts),
                [str(m.relative_to(HERE).with_suffix(".py"))],
                extra_compile_args=["-O3", "-g0"],
                optional=True,
            )
            for m in MODULES
        ],
        compiler_directives={
            "language_level": 3,
            "boundscheck": True,  # these bytes are hostile
            "initializedcheck": False,
            "annotation_typing": False,  # types for C come from the .pxd files alone
            "binding": True,
            "embedsignature": True,
        },
    )


setup(ext_modules=extensions() if MODULES else [], cmdclass={"build_ext": OptionalBuild})
