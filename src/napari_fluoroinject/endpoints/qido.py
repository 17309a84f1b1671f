"""QIDO-RS: queries at study, series and image level (PS3.18 10.6), page by page."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from napari_fluoroinject.dicom.content import is_uid
from napari_fluoroinject.endpoints.headers import UNIQUE_KEYS, asked_for, check_keys
from napari_fluoroinject.endpoints.web_answers import texts
from napari_fluoroinject.errors import RefusedError, TooManyError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dicomweb_client import DICOMwebClient

    from napari_fluoroinject.endpoints.base import Query
    from napari_fluoroinject.endpoints.web_session import WebSession

    Answer = Mapping[str, str]

_UIDS = tuple(UNIQUE_KEYS.values())
_PAGE = 1000
_MOST_ANSWERS = 200_000


def search(client: DICOMwebClient, session: WebSession, query: Query) -> tuple[Answer, ...]:
    """Return every answer to a query, as keyword and text; a key without a value is empty.

    Raises
    ------
    UnreachableError, RefusedError
        Nobody answers, the query is refused, or the answer is none to it.
    EndpointError
        A keyword is not a DICOM keyword, or its value is not text.
    """
    check_keys(query)
    unique = UNIQUE_KEYS[query.level]
    answers: dict[str, Answer] = {}
    offset = 0
    while len(answers) < _MOST_ANSWERS:
        page = _page(client, session, query, offset)
        new = {one[unique]: one for one in page if one[unique] not in answers}
        answers |= new
        offset += len(page)
        # a service that knows no pages gives the same again
        if not new or is_uid(query.keys.get(unique, "")):
            return tuple(answers.values())
    raise TooManyError(f"{session.peer} gave {len(answers)} answers; expected fewer: ask for less")


def _page(client: DICOMwebClient, session: WebSession, query: Query, offset: int) -> list[Answer]:
    # PS3.18 8.3.4.1: a list of UIDs has commas
    given = {k: v.replace("\\", ",") if k in _UIDS else v for k, v in query.keys.items() if v}
    place = _place(query)
    ask = partial(
        _searches(client)[query.level],
        *place,
        limit=_PAGE,
        offset=offset,
        fields=[keyword for keyword, text in query.keys.items() if not text],
        search_filters={k: v for k, v in given.items() if k not in _UIDS[: len(place)]},
    )
    found = session.datasets(ask)
    # what stands in the URL need not stand in the answers
    told = dict.fromkeys(asked_for(query), "") | dict(zip(_UIDS, place, strict=False))
    page: list[Answer] = [
        told | {k: v for k, v in texts(one).items() if k in told and v} for one in found
    ]
    for keyword in set(_UIDS) & given.keys():
        asked = given[keyword].split(",")
        # a service that does not look at a key gives everything: told, not handed on
        if any(one.get(keyword, asked[0]) not in asked for one in page) and "*" not in asked:
            raise RefusedError(
                f"{session.peer} answered with other objects than those of the {keyword} asked "
                "for; expected it to match that key"
            )
    return page


def _place(query: Query) -> list[str]:
    """UIDs for the path: services need not search below all studies (PS3.18 table 10.6.1-5)."""
    above = {"STUDY": 0, "SERIES": 1, "IMAGE": 2}[query.level]
    place: list[str] = []
    for keyword in _UIDS[:above]:
        if not is_uid(query.keys.get(keyword, "")):
            break
        place.append(query.keys[keyword])
    return place


def _searches(client: DICOMwebClient) -> dict[str, Callable[..., Any]]:
    return {
        "STUDY": client.search_for_studies,
        "SERIES": client.search_for_series,
        "IMAGE": client.search_for_instances,
    }
