"""Tooltips of text that comes from elsewhere: Qt would read markup in it."""

from __future__ import annotations

from html import escape


def plain_tip(text: str) -> str:
    """Return a tooltip that shows a text as it stands, line by line, whatever is in it.

    Qt takes a tooltip for rich text where it looks like it, and has no other way to say no.
    """
    if "<" not in text and "&" not in text:
        return text
    return f'<p style="white-space: pre-wrap">{escape(text)}</p>'
