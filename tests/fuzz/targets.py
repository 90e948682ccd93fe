"""All targets, by name."""

from __future__ import annotations

from tests.fuzz import captures, objects, streams, texts
from tests.fuzz.target import Target

TARGETS: dict[str, Target] = {
    target.name: target for module in (captures, streams, objects, texts) for target in module.TARGETS
}
