"""What holds for every input, and the tests that look for one for which it does not."""

from __future__ import annotations

PROPERTIES: dict[str, tuple[str, tuple[str, ...]]] = {
    "segmentation": (
        "however the octets are cut into segments, the same is told",
        (
            "invariance/test_properties.py::test_segmentation",
            "invariance/test_rewritten.py::test_t1_smaller_segments",
            "flow/test_properties.py::test_t1_any_segmentation",
            "http/test_reader_properties.py::test_pieces_make_no_difference",
        ),
    ),
    "duplication": (
        "frames that come again change nothing",
        (
            "invariance/test_properties.py::test_duplication",
            "invariance/test_order.py::test_t1_each_frame_twice_in_turn",
            "flow/test_properties.py::test_t1_any_duplication",
            "flow/test_properties.py::test_t1_resent_in_other_pieces",
        ),
    ),
    "independence of directions": (
        "what one side says is told whatever was captured of the other side",
        (
            "invariance/test_properties.py::test_independence_of_directions",
            "invariance/test_losses.py::test_t6_one_direction_only",
            "flow/test_properties.py::test_each_direction_alone",
        ),
    ),
    "isolation": (
        "what else is in the capture changes no exchange",
        (
            "invariance/test_properties.py::test_isolation",
            "invariance/test_isolation.py::test_isolation_from_strangers",
            "flow/test_properties.py::test_isolation",
        ),
    ),
    "prefix stability": (
        "a capture that ends early tells a part of what the whole one tells",
        (
            "invariance/test_properties.py::test_prefix_stability",
            "invariance/test_losses.py::test_the_end_of_the_capture_at_each_frame",
            "flow/test_properties.py::test_prefix_stability",
        ),
    ),
    "conservation": (
        "every frame has one outcome; every octet of payload is delivered, duplicate, discarded, or missing and a gap: "
        "of every pipeline that any test runs to its end, in its process, a worker's, or the command's",
        (
            "invariance/test_properties.py::test_conservation",
            "test_conservation.py::test_an_octet_that_is_nowhere_is_seen",
            "flow/test_properties.py::test_t4_losses_are_gaps_at_exactly_their_places",
            "flow/test_damage.py::test_every_promise_holds",
        ),
    ),
    "determinism": (
        "the same frames give the same octets in every log, whatever the batches, the hash seed, the workers",
        (
            "invariance/test_properties.py::test_determinism",
            "invariance/test_isolation.py::test_determinism_whatever_the_batches",
            "invariance/test_isolation.py::test_determinism_whatever_the_hash_seed",
            "flow/test_properties.py::test_determinism",
        ),
    ),
    "boundedness": (
        "at any time every table is within its limit",
        (
            "invariance/test_properties.py::test_boundedness",
            "flow/test_properties.py::test_any_losses_any_order_any_limits",
            "hostile/test_exhaustion.py::test_d1_d2_d3_d4_d8_tables_within_their_limits",
        ),
    ),
}
"""Property: what it says, and tests as path::name below tests/, the one of the whole pipeline first."""
