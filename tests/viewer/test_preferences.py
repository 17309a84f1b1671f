"""Preferences under the settings file."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_fluoroinject.settings import Defaults, Settings
from napari_fluoroinject.settings.network import Endpoint, ListenSettings
from napari_fluoroinject.viewer.preferences import Preferences, lay_under, read_preferences

URL = "pacs://FLUOROINJECT:ARCHIVE@192.0.2.20:104"
OTHER = "pacs://FLUOROINJECT:OTHER@192.0.2.21:104"


def test_preferences_fill_in_what_the_file_leaves_open():
    setup = lay_under(
        Settings(),
        Preferences(
            pacs_url=URL,
            receiver_ae_title="ROOM3",
            receiver_port=4242,
            device="cpu",
            operator="A. Reader",
        ),
    )
    assert setup.settings.endpoints["pacs"].url == URL
    assert (setup.settings.listen.ae_title, setup.settings.listen.port) == ("ROOM3", 4242)
    assert setup.settings.defaults.on == "cpu"
    assert setup.operator == "A. Reader"
    assert setup.faults == ()


def test_the_file_wins_where_both_say_something():
    file = Settings(
        endpoints={"pacs": Endpoint(url=OTHER)},
        listen=ListenSettings(ae_title="SITE", port=1040, spool=Path("/srv/spool")),
        defaults=Defaults(on="cuda"),
    )
    setup = lay_under(
        file,
        Preferences(
            pacs_url=URL,
            receiver_ae_title="ROOM3",
            receiver_port=4242,
            receiver_spool="/mine",
            device="cpu",
        ),
    )
    assert dict(setup.settings.endpoints) == {"pacs": Endpoint(url=OTHER)}
    assert setup.settings.listen == file.listen
    assert setup.settings.defaults.on == "cuda"


@given(st.sampled_from(["auto", "cpu", "cuda"]), st.integers(1, 65535), st.text(max_size=16))
def test_what_the_file_says_is_never_changed_by_preferences(device, port, title):
    file = Settings(
        endpoints={"archive": Endpoint(url=OTHER)},
        listen=ListenSettings(host="192.0.2.1", allow=("CARM",), reserve_mb=7),
        defaults=Defaults(procedure="esi_il_lumbar", on="cpu"),
    )
    preferences = Preferences(device=device, receiver_port=port, receiver_ae_title=title)
    laid = lay_under(file, preferences).settings
    assert laid.endpoints["archive"] == file.endpoints["archive"]
    assert laid.defaults == file.defaults
    assert (laid.listen.host, laid.listen.allow) == ("192.0.2.1", ("CARM",))
    assert laid.listen.reserve_mb == 7


def test_neither_results_nor_received_runs_lie_in_the_current_folder(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    for preferences in (Preferences(), Preferences(results_folder="results", receiver_spool="s")):
        setup = lay_under(Settings(), preferences)
        for folder in (setup.results, setup.settings.listen.spool):
            assert folder.is_absolute()
            assert tmp_path not in folder.parents


def test_a_folder_of_the_preferences_may_begin_at_home():
    setup = lay_under(Settings(), Preferences(results_folder="~/injections"))
    assert setup.results == Path.home() / "injections"


@pytest.mark.parametrize(
    ("preferences", "told"),
    [
        (Preferences(pacs_url="http://archive"), "preference pacs.url: seen 'http://archive'"),
        (Preferences(receiver_port=70000), "preference receiver.port: seen 70000"),
    ],
)
def test_a_preference_that_cannot_be_is_left_out_and_told(preferences, told):
    setup = lay_under(Settings(), preferences)
    assert [fault.startswith(told) for fault in setup.faults] == [True]
    assert setup.settings.listen.port == ListenSettings().port
    assert setup.settings.endpoints == {}


def test_the_pages_of_napari_are_read_by_their_names():
    pages = {
        "pacs": {"url": f" {URL} "},
        "receiver": {"ae_title": "ROOM3", "port": 104, "spool": "/srv/x"},
        "processing": {"device": "cuda"},
        "results": {"folder": "/srv/results"},
        "operator": {"name": "A. Reader"},
    }
    preferences, faults = read_preferences(pages)
    assert faults == ()
    assert preferences == Preferences(
        pacs_url=URL,
        receiver_ae_title="ROOM3",
        receiver_port=104,
        receiver_spool="/srv/x",
        device="cuda",
        results_folder="/srv/results",
        operator="A. Reader",
    )


def test_pages_that_are_not_there_say_nothing():
    assert read_preferences({}) == (Preferences(), ())


def test_a_preference_of_another_kind_is_told():
    preferences, faults = read_preferences(
        {"receiver": {"port": "many"}, "processing": {"device": "tpu"}}
    )
    assert preferences == Preferences()
    assert len(faults) == 2
    assert all("expected" in fault for fault in faults)
