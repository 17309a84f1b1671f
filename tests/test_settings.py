"""Settings are strict: what is not known is told with its path."""

from __future__ import annotations

import re

import pytest

from napari_fluoroinject.errors import SettingsError
from napari_fluoroinject.settings import Defaults, load_settings, parse_settings

GOOD = """
[endpoints.archive]
url = "pacs://FLUOROINJECT:ARCHIVE@10.0.0.5:104"
[endpoints.share]
url = "/data/loops"
[defaults]
procedure = "esi_il_lumbar"
seg_profile = "viewer"
"""


@pytest.fixture(autouse=True)
def somewhere_else(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FLUOROINJECT_CONFIG", raising=False)


def test_without_a_file_everything_has_its_default():
    settings = load_settings()
    assert settings.defaults == Defaults()
    assert not settings.endpoints
    assert settings.path is None


def test_endpoints_have_names_and_defaults_are_read(tmp_path):
    path = tmp_path / "site.toml"
    path.write_text(GOOD)
    settings = load_settings(path)
    assert settings.endpoints["share"].url == "/data/loops"
    assert settings.defaults == Defaults(procedure="esi_il_lumbar", seg_profile="viewer")
    assert settings.path == path


def test_the_path_given_goes_before_the_environment_and_that_before_this_folder(
    tmp_path, monkeypatch
):
    for name in ("fluoroinject.toml", "environment.toml", "given.toml"):
        (tmp_path / name).write_text(f'[endpoints.{name[:5]}]\nurl = "/x"\n')
    assert set(load_settings().endpoints) == {"fluor"}
    monkeypatch.setenv("FLUOROINJECT_CONFIG", str(tmp_path / "environment.toml"))
    assert set(load_settings().endpoints) == {"envir"}
    assert set(load_settings(tmp_path / "given.toml").endpoints) == {"given"}


def test_a_name_stands_for_its_url_and_keeps_the_query(tmp_path):
    (tmp_path / "fluoroinject.toml").write_text(GOOD)
    settings = load_settings()
    assert settings.resolve("share") == "/data/loops"
    assert settings.resolve("archive?StudyInstanceUID=1.2") == (
        "pacs://FLUOROINJECT:ARCHIVE@10.0.0.5:104?StudyInstanceUID=1.2"
    )
    assert settings.resolve("./share") == "./share"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("colour = 1", "colour: unknown key; expected one of endpoints, defaults"),
        ('[endpoints.a]\nurl = "/x"\nprot = "pacs"', "endpoints.a.prot: unknown key"),
        ("[endpoints.a]\nurl = 3", "endpoints.a.url: seen 3"),
        ('[endpoints]\na = "/x"', "endpoints.a: seen '/x'; expected a table"),
        ("endpoints = 3", "endpoints: seen 3"),
        (
            '[endpoints.a]\nurl = "dicom://b:104"',
            "endpoints.a.url: seen 'dicom://b:104'; expected",
        ),
        ("defaults = 3", "defaults: seen 3"),
        ('[defaults]\non = "gpu"', "defaults.on: seen 'gpu'; expected one of auto, cpu, cuda"),
        ("[defaults]\nprocedure = 1", "defaults.procedure: seen 1; expected text"),
        ('[defaults]\nlevel = "L4"', "defaults.level: unknown key"),
        ("[defaults", "not valid TOML"),
    ],
)
def test_each_fault_is_told_with_its_path(tmp_path, text, told):
    path = tmp_path / "fluoroinject.toml"
    path.write_text(text)
    with pytest.raises(SettingsError) as error:
        load_settings()
    assert told in str(error.value)
    assert "fluoroinject.toml" in str(error.value)


def test_a_named_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(SettingsError, match=r"absent\.toml"):
        load_settings(tmp_path / "absent.toml")


def test_a_site_sets_its_own_75th_percentiles_by_procedure(tmp_path):
    path = tmp_path / "site.toml"
    path.write_text("[dose.esi_il_lumbar]\nkap_p75_gycm2 = 2.5\ntime_p75_s = 30\n")
    assert load_settings(path).dose == {"esi_il_lumbar": {"kap_p75_gycm2": 2.5, "time_p75_s": 30}}
    assert load_settings().dose == {}


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("dose = 3", "dose: seen 3; expected a table for each procedure"),
        ("[dose]\nesi_il_lumbar = 3", "dose.esi_il_lumbar: seen 3; expected a table"),
        ("[dose.x]\nmean_s = 3", "dose.x.mean_s: unknown key"),
        ("[dose.x]\ntime_p75_s = 0", "dose.x.time_p75_s: seen 0; expected a number above 0"),
        ("[dose.x]\ntime_p75_s = true", "expected a number above 0"),
        ("[dose.x]\nkap_p75_gycm2 = nan", "expected a number above 0"),
        ('[dose.x]\nkerma_p75_mgy = "3"', "expected a number above 0"),
    ],
)
def test_a_percentile_that_is_none_is_told_with_its_path(tmp_path, text, fault):
    path = tmp_path / "site.toml"
    path.write_text(text)
    with pytest.raises(SettingsError, match=re.escape(fault)):
        load_settings(path)


def test_what_is_written_besides_and_a_sites_codes_are_read_from_the_settings(tmp_path):
    path = tmp_path / "fluoroinject.toml"
    text = '[defaults]\nalso = "key_objects document"\ncodes = "codes.toml"\n'
    settings = parse_settings(text + 'report_class = "comprehensive3d"\n', path=path)
    assert settings.defaults.also.split() == ["key_objects", "document"]
    assert settings.site_codes == tmp_path / "codes.toml"
    assert settings.defaults.report_class == "comprehensive3d"
    with pytest.raises(SettingsError, match="report_class"):
        parse_settings('[defaults]\nreport_class = "4d"\n', path=path)


def test_listener_service_and_endpoints_have_their_tables(tmp_path):
    path = tmp_path / "site.toml"
    path.write_text(
        '[endpoints.pacs]\nurl = "pacs://A:B@h:1"\nverify = "commitment"\n'
        'tls = {ca = "ca.pem", certificate = "own.pem", key = "own.key"}\n'
        '[listen]\nallow = ["CARM@10.0.0.7"]\nspool = "spool"\n'
        '[service]\nanalyze = "auto"\nsend_to = "pacs"\ntime_limit_s = 60\n'
        '[service.protocols]\n"epidural" = "esi_il_lumbar"\n'
    )
    settings = load_settings(path)
    pacs = settings.endpoint("pacs")
    assert pacs.tls is not None
    assert pacs.tls.ca == tmp_path / "ca.pem"
    assert pacs.verify == "commitment"
    assert settings.listen.allow == ("CARM@10.0.0.7",)
    assert settings.listen.spool == tmp_path / "spool"
    assert settings.service.time_limit_s == 60.0
    assert settings.service.protocols == {"epidural": "esi_il_lumbar"}
    assert settings.endpoint("pacs://A:B@h:1").tls is None


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('[listen]\nport = "104"', "listen.port: seen '104'; expected a whole number"),
        ("[listen]\nport = true", "listen.port: seen True; expected a whole number"),
        ("[listen]\nport = -1", "listen.port: seen -1; expected a number of 0 or more"),
        ('[listen]\nallow = "CARM"', "listen.allow: seen 'CARM'; expected a list of texts"),
        ("listen = 3", "listen: seen 3; expected a table"),
        ('[listen.tls]\ncertificate = "a"', "listen.tls.ca: not there"),
        ('[listen.tls]\nca = "c"\ncertificate = "a"', "listen.tls.key: a certificate without"),
        ('[service]\nspool = "x"', "service.spool: unknown key"),
        ("[service.protocols]\na = 1", "service.protocols: seen {'a': 1}; expected a table"),
        ('[endpoints.a]\nurl = "/x"\nverify = "maybe"', "endpoints.a.verify: seen 'maybe'"),
    ],
)
def test_each_fault_of_the_network_is_told_with_its_path(tmp_path, text, told):
    path = tmp_path / "site.toml"
    path.write_text(text)
    with pytest.raises(SettingsError) as error:
        load_settings(path)
    assert told in str(error.value)


def test_a_word_is_a_name_or_a_folder_that_exists(tmp_path):
    settings = parse_settings(GOOD, path=tmp_path / "site.toml")
    with pytest.raises(SettingsError, match=r"'archiv' is no endpoint.*\(archive, share\)"):
        settings.endpoint("archiv")
    with pytest.raises(SettingsError, match="none is set up"):
        load_settings().endpoint("archive")
    for path in ("./archiv", "archiv/", "../archiv", "~/archiv", "/data/archiv", "a/b"):
        assert settings.endpoint(path).url == path
    (tmp_path / "archiv").mkdir()
    assert settings.endpoint("archiv").url == "archiv"


def test_what_was_named_some_time_ago_is_never_taken_for_a_folder(tmp_path):
    before = parse_settings(GOOD, path=tmp_path / "site.toml")
    for folder in ("archive", "results"):
        (tmp_path / folder).mkdir()
    assert [before.to_keep(one) for one in ("archive", "results", "./x", "pacs://A:B@h:1")] == [
        *("archive", "./results", "./x", "pacs://A:B@h:1")
    ]
    assert before.kept("archive") == before.endpoint("archive")
    now = parse_settings(GOOD.replace("archive", "pacs2"), path=tmp_path / "site.toml")
    with pytest.raises(SettingsError, match=r"'archive' is no endpoint.*\(pacs2, share\)"):
        now.kept("archive")
    assert now.kept("./results").url == "./results"
    assert [now.knows(one) for one in ("pacs2", "archive", "ftp://x")] == [True, False, False]


@pytest.mark.parametrize("url", ["pacs:/A:B@h:104", "pacs//A://B", "dicomweb+https:/h/root"])
def test_a_url_with_a_slash_too_few_is_no_folder(url):
    with pytest.raises(SettingsError, match="expected a folder, or a URL"):
        load_settings().endpoint(url)
