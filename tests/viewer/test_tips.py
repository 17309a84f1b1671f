"""Text from elsewhere stands in a tooltip as it is."""

from __future__ import annotations

import pytest

from napari_fluoroinject.viewer.pacs_query import StudyRow
from napari_fluoroinject.viewer.tips import plain_tip

pytestmark = pytest.mark.qt
HOSTILE = '<b>L5</b> & <img src="file:///x.png">\n%s {0}'


def seen(tip):
    """What a person reads of it."""
    from qtpy.QtCore import Qt
    from qtpy.QtGui import QTextDocument

    document = QTextDocument()
    if Qt.mightBeRichText(tip):
        document.setHtml(tip)
    else:
        document.setPlainText(tip)
    return document.toPlainText()


@pytest.mark.parametrize("text", [HOSTILE, "plain\nlines", "<", "a < b", "&lt;", "<qt>x", ""])
def test_a_tooltip_shows_markup_as_it_stands(text):
    assert seen(plain_tip(text)) == text


def test_what_a_pacs_answers_is_no_markup(qtbot):
    from napari_fluoroinject.viewer.pages.load_table import StudyTable

    table = StudyTable()
    qtbot.addWidget(table)
    table.put_studies((StudyRow(uid="1.2", patient=HOSTILE, day=HOSTILE, what=HOSTILE),))
    item = table.topLevelItem(0)
    tips = [item.toolTip(column) for column in range(table.columnCount())]
    assert [seen(one) for one in tips] == [item.text(column) for column in range(len(tips))]
    assert any("<img" in seen(one) for one in tips)
