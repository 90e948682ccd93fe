"""sensor.service.kernel: errors are the kernel's own."""

from __future__ import annotations

import errno

import pytest

from sensor.service import kernel


def test_an_error_has_its_number_and_what_it_was_about() -> None:
    with pytest.raises(OSError, match="prctl") as caught:
        kernel.prctl(kernel.PR_CAPBSET_READ, 9999)
    assert caught.value.errno == errno.EINVAL
    with pytest.raises(OSError, match="system call 9999") as caught:
        kernel.syscall(9999)
    assert caught.value.errno == errno.ENOSYS


def test_the_status_file_is_read() -> None:
    assert kernel.status()["NoNewPrivs"] in ("0", "1")
