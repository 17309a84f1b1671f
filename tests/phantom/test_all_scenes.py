"""Every procedure has a scene that shows what the procedure needs to be told."""

from __future__ import annotations

import pytest

from napari_fluoroinject import procedures
from napari_fluoroinject.phantom.catalogue import SPECS

NAMED_OTHERWISE = {"no_visible_contrast": "no_contrast"}
"""Patterns whose twin does not bear their name."""
KEYS = sorted(set(procedures.all_keys()) - {procedures.GENERIC})


def test_every_procedure_has_a_scene_and_every_scene_a_procedure():
    assert set(SPECS) == set(KEYS)


@pytest.mark.parametrize("key", KEYS)
def test_a_scene_has_every_view_that_its_procedure_needs_and_none_that_it_does_not_know(key):
    views = procedures.get(key).views
    assert {view.name for view in views if view.needed} <= set(SPECS[key].views)
    assert set(SPECS[key].views) <= {view.name for view in views}


@pytest.mark.parametrize("key", KEYS)
def test_a_scene_has_a_twin_for_every_abnormal_pattern_and_one_past_every_limit(key):
    procedure, twins = procedures.get(key), SPECS[key].twins
    for pattern in procedure.abnormal:
        about = twins[NAMED_OTHERWISE.get(pattern.id, pattern.id)]
        assert pattern.warning in (None, *about.warnings), pattern.id
    if procedure.limits and SPECS[key].device == "needle":
        assert twins["tip_past_limit"].warnings == ("tip_past_limit",)
        limited = {view for limit in procedure.limits for view in limit.views}
        assert limited & set(twins["tip_past_limit"].views or SPECS[key].views)


@pytest.mark.parametrize("key", KEYS)
def test_warnings_of_twins_are_ones_that_the_procedure_can_raise(key):
    known = {rule.id for rule in procedures.get(key).warnings}
    for name, twin in SPECS[key].twins.items():
        assert set(twin.warnings) <= known, name
        assert set(twin.views) <= set(SPECS[key].views), name
