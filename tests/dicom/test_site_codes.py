"""A site's own codes: checked when they are read, written everywhere, read back."""

from __future__ import annotations

import re
import tomllib

import pydicom
import pytest
import sources
import validators
from example_report import encoded, example_annotation, example_report, marked, written_source
from hypothesis import given
from hypothesis import strategies as st
from pydicom.sr._concepts_dict import concepts
from pydicom.sr.coding import Code

from napari_fluoroinject.dicom import codes
from napari_fluoroinject.dicom.annotation_file import annotation_from
from napari_fluoroinject.dicom.identity import identify
from napari_fluoroinject.dicom.site_codes import (
    CodeBook,
    loinc_digit,
    mapping_template,
    site_codes,
    snomed_digit,
)
from napari_fluoroinject.dicom.sr import encode_report
from napari_fluoroinject.errors import AnnotationError, SettingsError

PROCEDURES = {"esi_il_lumbar": 'Lumbar "interlaminar" injection'}
MISPRINTED = {"115347700", "11524-0"}
"""Two identifiers of the dictionaries that their own systems do not have."""
HEAD = 'schema = "fluoroinject-codes/1"\n'


def listed(scheme, form):
    values = (value for by in concepts[scheme].values() for value in by)
    return [value for value in values if re.fullmatch(form, value)]


def test_every_snomed_identifier_of_the_dictionaries_has_verhoeffs_digit():
    values = listed("SCT", r"\d{6,18}")
    assert len(values) > 1000
    assert {one for one in values if snomed_digit(one[:-1]) != one[-1]} <= MISPRINTED


def test_every_loinc_code_of_the_dictionaries_has_its_digit():
    values = listed("LN", r"\d{1,7}-\d")
    assert len(values) > 50
    assert {one for one in values if loinc_digit(one[:-2]) != one[-1]} <= MISPRINTED


@given(st.integers(10**5, 10**17), st.integers(0, 16), st.integers(1, 9))
def test_one_wrong_digit_of_an_identifier_is_always_seen(number, place, step):
    digits = str(number)
    k = place % len(digits)
    wrong = digits[:k] + str((int(digits[k]) + step) % 10) + digits[k + 1 :]
    assert snomed_digit(wrong) != snomed_digit(digits)


def made_up(number):
    """An identifier that has the form of SNOMED CT, and means nothing here."""
    digits = f"9{number:07d}00"
    return digits + snomed_digit(digits)


def full_book():
    return CodeBook(
        targets={
            one.value: Code(made_up(k), "SCT", f"Site's {one.meaning}"[:64])
            for k, one in enumerate(codes.PRIVATE_CONCEPTS)
        }
        | {"esi_il_lumbar": Code(made_up(9999), "SCT", "Site's injection")}
    )


def entry(value="run-off", scheme="SCT", code=None, name="Vessel"):
    return f'[{value}]\nscheme = "{scheme}"\ncode = "{code or made_up(1)}"\nname = "{name}"\n'


def book(tmp_path, text):
    path = tmp_path / "codes.toml"
    path.write_text(HEAD + text, encoding="utf-8")
    return site_codes(path)


def test_the_template_has_every_concept_and_is_read_back_as_no_code(tmp_path):
    told = tomllib.loads(mapping_template(PROCEDURES))
    assert set(told) == {
        *("schema", "esi_il_lumbar"),
        *(one.value for one in codes.PRIVATE_CONCEPTS),
    }
    assert told["esi_il_lumbar"]["meaning"] == PROCEDURES["esi_il_lumbar"]
    for one in codes.PRIVATE_CONCEPTS:
        assert told[one.value]["meaning"] == one.meaning
        assert told[one.value]["explanation"] == one.explanation
    path = tmp_path / "codes.toml"
    path.write_text(mapping_template(PROCEDURES), encoding="utf-8")
    assert dict(site_codes(path, procedures=PROCEDURES).targets) == {}
    with pytest.raises(SettingsError, match="no such concept"):
        site_codes(path)


def test_a_filled_concept_is_read(tmp_path):
    found = book(tmp_path, entry() + entry("severity", "LN", "718-7", "Severity"))
    assert dict(found.targets) == {
        "run-off": Code(made_up(1), "SCT", "Vessel"),
        "severity": Code("718-7", "LN", "Severity"),
    }


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[x", "not valid TOML"),
        (entry("no-such"), "no such concept"),
        (entry(scheme="ICD10"), "unknown scheme 'ICD10'"),
        (entry(code="900000700"), "is none of SCT|check digit"),
        (entry(code="79068006"), "check digit is wrong"),
        (entry("severity", "LN", "718-8"), "check digit is wrong"),
        (entry("severity", "LN", "7187"), "is none of LN"),
        (entry(code="79068005"), "already means 'Needle'"),
        (entry() + entry("severity"), r"stands for \[run-off\] already"),
        (entry(name="x" * 65), "65 characters"),
        (entry(name="\u00fc"), "ASCII"),
        (entry(name=""), "half filled in"),
        ('[run-off]\nschema = "SCT"\n', "unknown key schema"),
        ("[run-off]\nscheme = 7\n", "table of texts"),
        ("severity = 3\n", "table of texts"),
    ],
)
def test_a_mapping_that_is_wrong_says_what_and_where(text, told, tmp_path):
    with pytest.raises(SettingsError, match=told) as raised:
        book(tmp_path, text)
    assert str(raised.value).startswith("codes.toml: ")


def test_a_file_that_is_none_of_ours_is_refused(tmp_path):
    path = tmp_path / "codes.toml"
    with pytest.raises(SettingsError, match="cannot be read"):
        site_codes(path)
    path.write_text('schema = "other/1"')
    with pytest.raises(SettingsError, match="seen schema 'other/1'"):
        site_codes(path)


@pytest.mark.parametrize("kind", sources.SOURCES)
def test_no_private_code_is_left_in_any_result_where_the_site_has_all(kind, tmp_path):
    paths = written_source(kind, tmp_path)
    report = marked(example_report(paths))
    for name, dataset in encoded(report, paths).items():
        path = tmp_path / f"{name}.dcm"
        full_book().put_into(dataset)
        dataset.save_as(path, enforce_file_format=True)
        assert codes.PRIVATE_SCHEME.encode() not in path.read_bytes()
    assert annotation_from(tmp_path / "report.dcm", codes=full_book()) == example_annotation()


@pytest.fixture
def example(tmp_path):
    paths = written_source("xa", tmp_path)
    report = marked(example_report(paths))
    return encode_report(report, identify(report, paths))


def saved(document, tmp_path):
    path = tmp_path / "report.dcm"
    document.save_as(path, enforce_file_format=True)
    return path


def test_without_the_mapping_a_report_says_that_it_is_missing(example, tmp_path):
    full_book().put_into(example)
    with pytest.raises(AnnotationError, match=r"codes of a site.*--codes"):
        annotation_from(saved(example, tmp_path))


def test_what_the_site_has_no_code_for_keeps_its_own_and_its_declaration(example, tmp_path):
    some = CodeBook(targets={"severity": Code(made_up(3), "SCT", "How bad")})
    some.put_into(example)
    raw = saved(example, tmp_path).read_bytes()
    assert example.CodingSchemeIdentificationSequence
    assert codes.PRIVATE_SCHEME.encode() in raw
    assert annotation_from(tmp_path / "report.dcm") == example_annotation()


def test_an_identifier_of_eighteen_digits_goes_there_and_back(example, tmp_path):
    long = "9" * 15 + "10"
    target = Code(long + snomed_digit(long), "SCT", "Long")
    one = CodeBook(targets={"annotation": target})
    one.put_into(example)
    path = saved(example, tmp_path)
    found = [e for e in pydicom.dcmread(path).iterall() if e.keyword == "LongCodeValue"]
    assert [e.value for e in found] == [target.value]
    assert annotation_from(path, codes=one) == example_annotation()


def test_an_empty_book_changes_nothing(example, tmp_path):
    before = saved(example, tmp_path).read_bytes()
    CodeBook().put_into(example)
    CodeBook().take_out_of(example)
    assert saved(example, tmp_path).read_bytes() == before


@pytest.mark.validator
def test_a_report_with_a_sites_codes_is_valid(example, tmp_path):
    full_book().put_into(example)
    assert validators.complaints(saved(example, tmp_path)) == ()
